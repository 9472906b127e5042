"""The fill engine: one account, one symbol, one bar at a time. Everything that trades goes through `step`.

`step(account, rules, bar, flags, fills)` advances the account over one bar: waiting orders at the open, stops and
targets inside the bar, then the close, where the bar's flags become orders. `advance` is the loop over it, which
passes over bars where nothing can happen; `simulate` runs it to the end. A daemon calls `step` with the same records.

`account` and `rules` are arrays of one record (kernels/account.py); the account is changed in place. The rules of
filling are those of docs/fills.md; each function here says which one it carries out.
"""

from __future__ import annotations

import numpy as np

from cryptolab.kernels.account import (
    CONTRADICTORY,
    DAILY_LOSS,
    ENDED,
    ENTRY,
    FILL,
    LATE,
    LOCKED,
    MOST_FILLS,
    NO_ATR,
    NONE,
    REVERSAL,
    RUIN,
    SAME_CLOSE,
    SIGNAL,
    SMALL,
    STOP_LOSS,
    TAKE_PROFIT,
    TRAILING_STOP,
    WORST,
    Bar,
    Flags,
)
from cryptolab.kernels.compiler import kernel

DAY = 86_400_000_000_000


@kernel
def slipped(price, side, slippage):
    """Price of a market or stop fill: dearer for a buyer, cheaper for a seller."""
    return price * (1.0 + side * slippage)


@kernel
def entry_size(cash, side, price, rules):
    """Coins that a flat account enters with; 0.0 when that is below the smallest order.

    A long pays its fee out of the same cash; a short's value is the fraction of equity itself.
    """
    value = rules.fraction * cash
    if side > 0:
        value = min(value, cash / (1.0 + rules.commission))
    size = value / price
    if rules.lot_step > 0.0:
        # the tolerance keeps 0.3 / 0.1 at three lots
        size = np.floor(size / rules.lot_step + 1e-9) * rules.lot_step
    return size if size > 0.0 and size >= rules.smallest else 0.0


@kernel
def levels(rules, side, price, atr):
    """Return (stop, target) of a position entered at `price`; infinitely far away where there is none."""
    stop, target = -side * np.inf, side * np.inf
    if rules.stop_loss > 0.0:
        stop = price * (1.0 - side * rules.stop_loss)
    elif rules.stop_atr > 0.0:
        stop = price - side * rules.stop_atr * atr
    if rules.take_profit > 0.0:
        target = price * (1.0 + side * rules.take_profit)
    elif rules.target_atr > 0.0:
        target = price + side * rules.target_atr * atr
    return stop, target


@kernel
def write(fills, count, bar, side, size, price, fee, reason):
    """Put one fill behind the `count` that are there."""
    fill = fills[count]
    fill.bar, fill.side, fill.size, fill.price = bar, side, size, price
    fill.fee, fill.reason, fill.ambiguous = fee, reason, 0
    return count + 1


@kernel
def close_position(a, rules, bar, price, reason, fills, count):
    """Sell what is held, or buy back what is owed, all of it, at `price` (slippage already in it)."""
    size = abs(a.quantity)
    side = -1 if a.quantity > 0.0 else 1
    fee = rules.commission * price * size
    a.cash -= side * size * price + fee
    a.quantity = 0.0
    if a.cash <= 0.0:
        a.ended = 1
    return write(fills, count, bar, side, size, price, fee, reason)


@kernel
def open_position(a, rules, bar, base, fills, count):
    """Enter from flat with the waiting entry, at `base` plus slippage, and fix its stop and target from the fill."""
    side = a.entry_side
    a.entry_side = 0
    if a.ended or a.cash <= 0.0:
        a.dropped[ENDED] += 1
        return count
    price = slipped(base, side, rules.slippage)
    size = entry_size(a.cash, side, price, rules)
    if size == 0.0:
        a.dropped[SMALL] += 1
        return count
    fee = rules.commission * price * size
    a.cash -= side * size * price + fee
    if side > 0:
        a.cash = max(a.cash, 0.0)  # all-in leaves a rounding error of either sign
    a.quantity = side * size
    a.extreme = price
    a.stop, a.target = levels(rules, side, price, a.entry_atr)
    return write(fills, count, bar, side, size, price, fee, ENTRY)


@kernel
def at_open(a, rules, bar, fills, count):
    """Carry out what waited for this open: the exit first, then the entry, sized after the exit's costs.

    An entry that waited longer than its patience is dropped; an exit waits as long as it must.
    """
    if a.exit_reason != NONE:
        reason = a.exit_reason
        a.exit_reason = NONE
        if a.quantity != 0.0:
            side = -1 if a.quantity > 0.0 else 1
            price = slipped(market(rules.mode, side, bar.open, bar.high, bar.low), side, rules.slippage)
            count = close_position(a, rules, bar.number, price, reason, fills, count)
    if a.entry_side != 0:
        if bar.time - a.since > rules.patience:
            a.entry_side = 0
            a.dropped[LATE] += 1
        else:
            base = market(rules.mode, a.entry_side, bar.open, bar.high, bar.low)
            count = open_position(a, rules, bar.number, base, fills, count)
    return count


@kernel
def market(mode, side, open, high, low):
    """Price a waiting market order meets in this bar before slippage: its open, or in WORST its dearest or cheapest."""
    if mode == WORST:
        return high if side > 0 else low
    return open


@kernel
def nearest_stop(a, rules, side):
    """Return (reason, level) of the stop that price meets first: fixed, trailing, or a short's ruin."""
    level, reason = a.stop, STOP_LOSS
    if rules.trailing_stop > 0.0:
        trail = a.extreme * (1.0 - side * rules.trailing_stop)
        if side * trail > side * level:
            level, reason = trail, TRAILING_STOP
    if side < 0:
        ruin = a.cash / -a.quantity
        if ruin < level:
            level, reason = ruin, RUIN
    return reason, level


@kernel
def watch(side, open, high, low, stop, target):
    """Return (hit, price, ambiguous) of one bar's stop and target: hit is -1 stop, 1 target, 0 neither; no slippage.

    A stop is hit by a touch and fills at its level, or at the open if that is beyond it. A target needs a trade
    strictly through it, and fills at its level or at a better open. With both in one bar the stop rules, unless the
    open was already beyond the target. A short is the mirror image: the same comparisons on negated prices.
    """
    if side < 0:
        open, high, low, stop, target = -open, -low, -high, -stop, -target
    hit, price = 0, 0.0
    touched, through = low <= stop, high > target
    if open > target:
        hit, price = 1, open
    elif touched:
        hit, price = -1, min(stop, open)
    elif through:
        hit, price = 1, target
    ambiguous = touched and through and stop < open <= target
    return hit, side * price, ambiguous


@kernel
def inside(a, rules, bar, fills, count):
    """Watch the position's stop and target over the bar, then let a trailing stop see the bar's extreme."""
    if a.quantity == 0.0:
        return count
    side = 1 if a.quantity > 0.0 else -1
    reason, level = nearest_stop(a, rules, side)
    hit, price, ambiguous = watch(side, bar.open, bar.high, bar.low, level, a.target)
    if hit == 0:
        a.extreme = max(a.extreme, bar.high) if side > 0 else min(a.extreme, bar.low)
        return count
    if hit > 0:
        reason = TAKE_PROFIT
    else:
        price = slipped(price, -side, rules.slippage)
    count = close_position(a, rules, bar.number, price, reason, fills, count)
    fills[count - 1].ambiguous = 1 if ambiguous else 0
    if reason == RUIN:
        a.ended = 1
    return count


@kernel
def guard(a, rules, bar):
    """Mark the account at the close; end the run at equity 0; lock the day at its loss limit and flatten."""
    a.equity = a.cash + a.quantity * bar.close
    if a.equity <= 0.0:
        a.ended = 1
        if a.quantity != 0.0:
            a.exit_reason = RUIN
    if rules.daily_limit > 0.0 and a.equity <= (1.0 - rules.daily_limit) * a.baseline:
        a.locked = 1
    if a.locked == 1 and a.quantity != 0.0 and a.exit_reason == NONE:
        a.exit_reason = DAILY_LOSS


@kernel
def decide(a, rules, bar, flags):
    """Return (exit reason, entry side) that the bar's flags ask of the position held; entries not allowed are counted.

    An entry flagged together with its own exit is no entry; an entry in the direction held does nothing; an opposite
    entry closes and reverses.
    """
    long = flags.enter_long and not flags.exit_long
    short = flags.enter_short and not flags.exit_short
    reason, side = NONE, 0
    if a.quantity == 0.0:
        if long and short:
            a.dropped[CONTRADICTORY] += 1
        elif long or short:
            side = 1 if long else -1
    else:
        opposite = short if a.quantity > 0.0 else long
        leave = flags.exit_long if a.quantity > 0.0 else flags.exit_short
        if opposite:
            reason, side = REVERSAL, (-1 if a.quantity > 0.0 else 1)
        if leave:
            reason = SIGNAL
    if side != 0:
        if a.ended:
            a.dropped[ENDED] += 1
        elif a.locked:
            a.dropped[LOCKED] += 1
        elif (rules.stop_atr > 0.0 or rules.target_atr > 0.0) and np.isnan(bar.atr):
            a.dropped[NO_ATR] += 1
        else:
            return reason, side
    return reason, 0


@kernel
def at_close(a, rules, bar, flags, fills, count):
    """Guard the account, then turn the bar's flags into orders: waiting ones, or filled here with SAME_CLOSE."""
    if rules.daily_limit > 0.0:
        day = bar.time // DAY
        if day != a.day:
            # a.equity is still that of the bar before, the last one that opened before midnight
            a.day, a.baseline, a.locked = day, a.equity, 0
    guard(a, rules, bar)
    reason, side = decide(a, rules, bar, flags)
    a.entry_side, a.entry_atr, a.since = side, bar.atr, bar.time + rules.interval
    if rules.mode != SAME_CLOSE:
        if reason != NONE and a.exit_reason == NONE:
            a.exit_reason = reason
        return count
    if reason != NONE and a.quantity != 0.0:
        away = -1 if a.quantity > 0.0 else 1
        count = close_position(a, rules, bar.number, slipped(bar.close, away, rules.slippage), reason, fills, count)
        a.exit_reason = NONE
    if a.entry_side != 0:
        count = open_position(a, rules, bar.number, bar.close, fills, count)
    guard(a, rules, bar)
    return count


@kernel
def step(account, rules, bar, flags, fills):
    """Advance the account over one bar. Returns the number of fills written to the front of `fills`.

    account: 1 record ACCOUNT, changed in place. rules: 1 record RULES. fills: at least MOST_FILLS records FILL.
    """
    a, r = account[0], rules[0]
    count = at_open(a, r, bar, fills, 0)
    count = inside(a, r, bar, fills, count)
    return at_close(a, r, bar, flags, fills, count)


@kernel
def rest(a, first, close, leave, other, equity):
    """Carry the account over bars without a flag: equity only. Returns the next flagged bar, or n."""
    cash, quantity = a.cash, a.quantity
    n = close.size
    for t in range(first, n):
        if leave[t] or other[t]:
            return t
        equity[t] = cash + quantity * close[t]
    return n


@kernel
def hold(a, rules, first, bars, leave, other, equity):
    """Carry a watched position over bars that touch none of its levels and have no flag. Returns the next other bar."""
    side = 1 if a.quantity > 0.0 else -1
    cash, quantity, target = a.cash, a.quantity, a.target
    trailing = rules.trailing_stop > 0.0
    _, level = nearest_stop(a, rules, side)
    high, low, close = bars.high, bars.low, bars.close
    n = close.size
    for t in range(first, n):
        if leave[t] or other[t]:
            return t
        if side > 0:
            if low[t] <= level or high[t] > target:
                return t
            better = high[t] > a.extreme
        else:
            if high[t] >= level or low[t] < target:
                return t
            better = low[t] < a.extreme
        if trailing and better:
            a.extreme = high[t] if side > 0 else low[t]
            _, level = nearest_stop(a, rules, side)
        equity[t] = cash + quantity * close[t]
    return n


@kernel
def simulate(account, rules, bars, flags):
    """Step the account over n bars (Columns) with their Flags. Returns (equity at each close, all fills)."""
    n = bars.close.size
    equity = np.empty(n)
    fills = np.empty(64, FILL)
    t, total = advance(account, rules, bars, flags, 0, equity, fills)
    while t < n:
        grown = np.empty(2 * fills.size, FILL)
        grown[:total] = fills[:total]
        fills = grown
        t, count = advance(account, rules, bars, flags, t, equity, fills[total:])
        total += count
    return equity, fills[:total]


@kernel
def advance(account, rules, bars, flags, first, equity, fills):
    """Step the account over the bars from `first` on, until `fills` may be too short for those of another bar.

    Writes each close's equity. Returns (the bar to go on from, n at the end; the number of fills written). Bars on
    which nothing waits, nothing is watched and nothing is flagged are passed over: `step` would only mark them.
    """
    n = bars.close.size
    a, r = account[0], rules[0]
    total = 0
    watched = r.stop_loss + r.stop_atr + r.take_profit + r.target_atr + r.trailing_stop > 0.0
    t = first
    while t < n:
        if a.exit_reason == NONE and a.entry_side == 0 and r.daily_limit == 0.0:
            before = t
            if a.quantity == 0.0:
                t = rest(a, t, bars.close, flags.enter_long, flags.enter_short, equity)
            elif a.quantity > 0.0 and not watched:
                t = rest(a, t, bars.close, flags.exit_long, flags.enter_short, equity)
            elif a.quantity > 0.0:
                t = hold(a, r, t, bars, flags.exit_long, flags.enter_short, equity)
            else:
                t = hold(a, r, t, bars, flags.exit_short, flags.enter_long, equity)
            if t > before:
                a.equity = equity[t - 1]
            if t == n:
                break
        if total + MOST_FILLS > fills.size:
            break
        atr = bars.atr[t] if bars.atr.size else np.nan
        bar = Bar(t, bars.time[t], bars.open[t], bars.high[t], bars.low[t], bars.close[t], atr)
        said = Flags(flags.enter_long[t], flags.exit_long[t], flags.enter_short[t], flags.exit_short[t])
        total += step(account, rules, bar, said, fills[total:])
        equity[t] = a.equity
        t += 1
    return t, total
