"""Vectors of sixteen weights in LLVM's instructions: what the functions of `gate_loops.py` and `slope_loops.py` are made of."""

from numba.core import cgutils

from maskscope.masks.kernels.threshold import LIMIT

ir = cgutils.ir  # of llvmlite, which numba brings along
LANES = 16
HALF = LANES // 2
FINE = 1 << 15
FUSED = ("contract",)  # a product and a sum may be rounded once
MAY_OPEN = (LIMIT - 23) * FINE  # the threshold is 0 up to a logit of -22.95
F32, I8, I16, I32, I64 = ir.FloatType(), *(ir.IntType(width) for width in (8, 16, 32, 64))
EVEN, ODD = (ir.Constant(ir.VectorType(I32, LANES), list(range(start, 2 * LANES, 2))) for start in (0, 1))


def splat(kind, number, count=LANES):
    """A constant vector of one number."""
    return ir.Constant(ir.VectorType(kind, count), [number] * count)


def spread(builder, value, like):
    """The value, or a vector like ``like`` of it if it is a scalar."""
    if isinstance(value.type, ir.VectorType) or not isinstance(like.type, ir.VectorType):
        return value
    empty = ir.Constant(ir.VectorType(value.type, like.type.count), ir.Undefined)
    one = builder.insert_element(empty, value, I32(0))
    return builder.shuffle_vector(one, empty, splat(I32, 0, like.type.count))


def xor(builder, first, *others):
    """All exclusive or each other; scalars are spread."""
    for other in others:
        vector = first if isinstance(first.type, ir.VectorType) else other
        first = builder.xor(spread(builder, first, vector), spread(builder, other, vector))
    return first


def data(context, builder, kind, value):
    """The pointer to the first element of an array."""
    return context.make_array(kind)(context, builder, value=value).data


def place(builder, data, at, kind):
    """A pointer to `LANES` elements of an array from an index on."""
    return builder.bitcast(builder.gep(data, [at]), ir.VectorType(kind, LANES).as_pointer())


def load(builder, data, at, kind, size):
    """`LANES` elements of an array, whose address need only be a multiple of their size."""
    return builder.load(place(builder, data, at, kind), align=size)


def store(builder, value, data, at, size):
    """The counterpart of `load`."""
    builder.store(value, place(builder, data, at, value.type.element), align=size)


def fixed(builder, logit):
    """`threshold.position`, before it is split into index and fraction. The upper bound is the last position's."""
    low, high = splat(F32, -float(LIMIT)), splat(F32, LIMIT - 1 / FINE)
    logit = builder.select(builder.fcmp_ordered(">", logit, low), logit, low)
    logit = builder.select(builder.fcmp_ordered("<", logit, high), logit, high)
    kind = ir.FunctionType(logit.type, [logit.type])
    floor = cgutils.get_or_insert_function(builder.module, kind, f"llvm.floor.v{LANES}f32")
    below = builder.call(floor, [builder.fmul(logit, splat(F32, float(FINE)))])
    return builder.add(builder.fptosi(below, ir.VectorType(I32, LANES)), splat(I32, LIMIT * FINE))


def fraction(builder, fixed):
    """The distance from the grid point below, as `threshold.Position` has it: odd, from 1 to 511."""
    return builder.or_(builder.shl(builder.and_(fixed, splat(I32, 255)), splat(I32, 1)), splat(I32, 1))


def gathered(builder, table, index, size):
    """The words of 64 bits that begin at the entries ``index`` of a table of entries of ``size`` bytes: two vectors of them."""
    pointers, words = ir.VectorType(I8.as_pointer(), HALF), ir.VectorType(I64, HALF)
    masks = ir.VectorType(ir.IntType(1), HALF)
    kind = ir.FunctionType(words, [pointers, I32, masks, words])
    gather = cgutils.get_or_insert_function(builder.module, kind, f"llvm.masked.gather.v{HALF}i64.v{HALF}p0")
    base, found = builder.ptrtoint(table, I64), []
    for half in range(2):
        lanes = ir.Constant(ir.VectorType(I32, HALF), list(range(half * HALF, (half + 1) * HALF)))
        mine = builder.zext(builder.shuffle_vector(index, index, lanes), words)
        place = builder.add(spread(builder, base, mine), builder.mul(mine, splat(I64, size, HALF)))
        given = [builder.inttoptr(place, pointers), I32(4), ir.Constant(masks, [1] * HALF), ir.Constant(words, ir.Undefined)]
        found.append(builder.call(gather, given))
    return found


def halves(builder, words):
    """The low and the high halves of two vectors of 64-bit words, as two vectors of 32-bit words."""
    both = [builder.bitcast(mine, ir.VectorType(I32, LANES)) for mine in words]
    return builder.shuffle_vector(*both, EVEN), builder.shuffle_vector(*both, ODD)


def any_lane(builder, mask):
    """Whether a mask is true anywhere."""
    return builder.icmp_unsigned("!=", builder.bitcast(mask, ir.IntType(LANES)), ir.IntType(LANES)(0))
