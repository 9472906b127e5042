"""Asking the processor for a row of an array before it is needed.

Prices of 200,000 bars do not fit into a core's own caches, and a run's trades lie here and there: each look at one
waits for memory some fifty times longer than for a number at hand. Where the next trades are is known early.
"""

from __future__ import annotations

from typing import Any

from numba.extending import intrinsic, overload


def prefetch(array, row):
    """Ask for `array[row]`, of an array of one or two dimensions; nothing is read, and no row is too far."""


@overload(prefetch)
def _prefetch(array, row):  # numba compares the names of arguments, and their annotations with them
    return lambda array, row: _touch(array, row)  # type: ignore[call-arg]


@intrinsic
def _touch(typing: Any, array: Any, row: Any) -> Any:
    from llvmlite import ir
    from numba.core import cgutils, types

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        table = context.make_array(signature.args[0])(context, builder, values[0])
        number = context.cast(builder, values[1], signature.args[1], types.intp)
        step = cgutils.unpack_tuple(builder, table.strides)[0]
        address = builder.add(builder.ptrtoint(table.data, step.type), builder.mul(number, step))
        pointer, word = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [pointer, word, word, word])
        ask = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        # to be read (0), to be kept in all caches (3), data (1)
        builder.call(ask, [builder.inttoptr(address, pointer), word(0), word(3), word(1)])
        return context.get_dummy_value()

    return types.void(array, row), generate
