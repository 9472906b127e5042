"""From flags to the bars at which they are raised: a run has a few thousand of these, and two hundred thousand bars.

Flags come as bits, 64 bars to an unsigned integer, the first bar the lowest; behind the last bar there are zeros.
"""

from __future__ import annotations

import numpy as np

from cryptolab.kernels.compiler import kernel


@kernel
def lowest_bit(word):
    """Return which bit of a word that is not 0 is its lowest one."""
    lowest = word & (~word + np.uint64(1))
    # a power of two as a double: its exponent says which, under the sign that the highest one sets
    return ((np.float64(np.int64(lowest)).view(np.int64) >> 52) & 0x7FF) - 1023


@kernel
def turns_of_condition(words, n, enter, leave):
    """Write the bars at which a condition turns true into `enter`, false into `leave`; return both counts.

    words: of n bars. enter, leave: one place more than there are bars.
    """
    entered = left = 0
    carry, one = np.uint64(0), np.uint64(1)
    for w in range(words.size):
        word = words[w]
        edges = word ^ ((word << one) | carry)
        carry = word >> np.uint64(63)
        while edges != 0:
            bit = lowest_bit(edges)
            if (word >> np.uint64(bit)) & one:
                enter[entered] = 64 * w + bit
                entered += 1
            else:
                leave[left] = 64 * w + bit
                left += 1
            edges &= edges - one
    if left > 0 and leave[left - 1] == n:  # true to the end, and the zeros behind it
        left -= 1
    return entered, left


@kernel
def turns_of_flags(entries, exits, enter, leave):
    """Write the bars with an entry and no exit into `enter`, those with an exit into `leave`; return both counts.

    enter, leave: a place for each bar.
    """
    entered = left = 0
    one = np.uint64(1)
    for w in range(entries.size):
        out = exits[w]
        word = entries[w] & ~out
        while word != 0:
            enter[entered] = 64 * w + lowest_bit(word)
            entered += 1
            word &= word - one
        while out != 0:
            leave[left] = 64 * w + lowest_bit(out)
            left += 1
            out &= out - one
    return entered, left
