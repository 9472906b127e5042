"""From flags to the bars at which they are raised: a run has a few thousand of these, and two hundred thousand bars.

Flags are bytes of 0 and 1; eight of them are read at once, as one unsigned integer.
"""

from __future__ import annotations

import numpy as np

from cryptolab.kernels.compiler import kernel


@kernel
def turns_of_condition(words, rest, enter, leave):
    """Write the bars at which a condition turns true into `enter`, false into `leave`; return both counts.

    words: the condition's bytes, eight to an unsigned integer; rest: the bytes after the last whole word.
    """
    entered = left = 0
    carry, one = np.uint64(0), np.uint64(1)
    for w in range(words.size):
        word = words[w]
        edges = word ^ ((word << np.uint64(8)) | carry)
        carry = word >> np.uint64(56)
        while edges != 0:
            lowest = edges & (~edges + one)
            # a power of two as a double: its exponent says which bit it is
            bit = (np.float64(np.int64(lowest)).view(np.int64) >> 52) - 1023
            bar = 8 * w + (bit >> 3)
            if word & lowest:
                enter[entered] = bar
                entered += 1
            else:
                leave[left] = bar
                left += 1
            edges &= edges - one
    before = carry != 0
    for i in range(rest.size):
        if rest[i] != before:
            before = rest[i]
            if before:
                enter[entered] = 8 * words.size + i
                entered += 1
            else:
                leave[left] = 8 * words.size + i
                left += 1
    return entered, left


@kernel
def turns_of_flags(entry_words, exit_words, entries, exits, enter, leave):
    """Write the bars with an entry and no exit into `enter`, those with an exit into `leave`; return both counts.

    entry_words, exit_words: the whole words of the flags' bytes, as in `turns_of_condition`. enter, leave: one place
    more than there are bars.
    """
    entered = left = 0
    for w in range(entry_words.size + 1):
        first, end = 8 * w, 8 * w + 8
        if w == entry_words.size:
            end = entries.size
        elif entry_words[w] | exit_words[w] == 0:
            continue
        for t in range(first, end):
            # written whether or not, and kept by counting: a branch would be guessed wrong at each flag
            enter[entered] = t
            leave[left] = t
            entered += entries[t] and not exits[t]
            left += exits[t]
    return entered, left
