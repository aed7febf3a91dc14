"""The gradient pass of a slope from a table, for sixteen weights at a time, like the functions of `gate_loops.py`."""

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from maskscope.masks.kernels.vectors import lane_loops as lanes


@intrinsic
def slopes_of_sixteen(_typing, logits, at, table, lowest, closed, opened):
    """Interpolates both slopes of ``LANES`` weights from index ``at`` on.

    Args:
        logits: float32.
        at: the index of the first weight.
        table: at each grid point the slope of a closed gate, float32, in the low and that of an open one in the high half.
        lowest: the slope of a closed gate at the lowest position. Where all weights are there, nothing is looked up.
        closed: receives the slopes of closed gates.
        opened: receives the slopes of open gates.
    """
    signature = types.void(logits, types.intp, table, types.float32, closed, opened)

    def code(context, builder, signature, args):
        logits, table, *out = (lanes.data(context, builder, signature.args[place], args[place]) for place in (0, 2, 4, 5))
        start, lowest = lanes.ir.Constant(args[1].type, 0), args[3]
        fixed = lanes.fixed(builder, lanes.load(builder, logits, args[1], lanes.F32, 4))
        index, reals = builder.lshr(fixed, lanes.splat(lanes.I32, 8)), lanes.ir.VectorType(lanes.F32, lanes.LANES)
        with builder.if_else(lanes.any_lane(builder, builder.icmp_signed(">", fixed, lanes.splat(lanes.I32, 0)))) as (some, none):
            with some:
                entries = lanes.halves(builder, lanes.gathered(builder, table, index, 8))
                following = lanes.halves(
                    builder, lanes.gathered(builder, table, builder.add(index, lanes.splat(lanes.I32, 1)), 8)
                )
                fraction = builder.sitofp(lanes.fraction(builder, fixed), reals)
                for entry, after, into in zip(entries, following, out, strict=True):
                    entry, after = builder.bitcast(entry, reals), builder.bitcast(after, reals)
                    rise = builder.fmul(builder.fsub(after, entry), lanes.splat(lanes.F32, 1 / 512))
                    rest = builder.fmul(rise, fraction, flags=lanes.FUSED)
                    lanes.store(builder, builder.fadd(entry, rest, flags=lanes.FUSED), into, start, 4)
            with none:
                lanes.store(builder, lanes.spread(builder, lowest, fixed), out[0], start, 4)
                lanes.store(builder, lanes.splat(lanes.F32, 0.0), out[1], start, 4)
        return context.get_dummy_value()

    return signature, code


def _load_real(builder, data, at):
    """`loops.real` for `LANES` numbers."""
    kind = data.type.pointee
    numbers = lanes.load(builder, data, at, kind, 8 if kind == lanes.ir.DoubleType() else 4 if kind == lanes.F32 else 2)
    reals = lanes.ir.VectorType(lanes.F32, lanes.LANES)
    if kind == lanes.I16:
        return builder.bitcast(
            builder.shl(builder.zext(numbers, lanes.ir.VectorType(lanes.I32, lanes.LANES)), lanes.splat(lanes.I32, 16)), reals
        )
    return numbers if kind == lanes.F32 else builder.fptrunc(numbers, reals)


def _row_adder(rows):
    """An intrinsic that adds to the gradient what comes from one row, or from four at once."""

    @intrinsic
    def add_rows(_typing, weights, gates, at, sample, gradients, row, closed, opened, scale, out):
        """Adds to the gradient of ``LANES`` logits from index ``at`` on.

        Args:
            weights: float32, float64, or the bits of bfloat16.
            gates: a byte a weight.
            at: the index of the first weight.
            sample: the sample of the first row.
            gradients: rows of numbers like the weights.
            row: the first row.
            closed: the slopes of closed gates, from `slopes_of_sixteen`.
            opened: the slopes of open gates.
            scale: a factor.
            out: float32.
        """
        signature = types.void(weights, gates, types.intp, types.intp, gradients, types.intp, closed, opened, types.float32, out)

        def code(context, builder, signature, args):
            def data(place):
                return lanes.data(context, builder, signature.args[place], args[place])

            at, sample, row = args[2], builder.trunc(args[3], lanes.I8), args[5]
            given = context.make_array(signature.args[4])(context, builder, value=args[4])
            columns = cgutils.unpack_tuple(builder, given.shape)[1]
            gate, none, start = (
                lanes.load(builder, data(1), at, lanes.I8, 1),
                lanes.splat(lanes.F32, 0.0),
                lanes.ir.Constant(at.type, 0),
            )
            behind_open, behind_closed = [], []
            for k in range(rows):
                bit = builder.shl(lanes.I8(1), builder.add(sample, lanes.I8(k)))
                is_open = builder.icmp_unsigned(
                    "!=", builder.and_(gate, lanes.spread(builder, bit, gate)), lanes.splat(lanes.I8, 0)
                )
                place = builder.add(builder.mul(builder.add(row, row.type(k)), columns), at)
                gradient = _load_real(builder, given.data, place)
                behind_open.append(builder.select(is_open, gradient, none))
                behind_closed.append(builder.select(is_open, none, gradient))
            slopes = [lanes.load(builder, data(place), start, lanes.F32, 4) for place in (6, 7)]
            weight, scale = _load_real(builder, data(0), at), lanes.spread(builder, args[8], none)
            if rows == 1:
                slope = builder.select(is_open, slopes[1], slopes[0])
                whole = builder.fmul(builder.fmul(weight, gradient, flags=lanes.FUSED), slope, flags=lanes.FUSED)
            else:
                behind = [_sum(builder, behind_closed), _sum(builder, behind_open)]
                products = [builder.fmul(slope, total, flags=lanes.FUSED) for slope, total in zip(slopes, behind, strict=True)]
                whole = builder.fmul(weight, builder.fadd(*products, flags=lanes.FUSED), flags=lanes.FUSED)
            scaled = builder.fmul(whole, scale, flags=lanes.FUSED)
            lanes.store(
                builder, builder.fadd(lanes.load(builder, data(9), at, lanes.F32, 4), scaled, flags=lanes.FUSED), data(9), at, 4
            )
            return context.get_dummy_value()

        return signature, code

    return add_rows


def _sum(builder, terms):
    while len(terms) > 1:
        terms = [builder.fadd(*terms[place : place + 2]) for place in range(0, len(terms), 2)]
    return terms[0]


add_row, add_four_rows = _row_adder(1), _row_adder(4)
