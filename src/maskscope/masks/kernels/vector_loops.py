"""Sixteen weights at a time: the parts of the passes for which the compiler finds no good vector code by itself.

Each function writes LLVM's instructions for vectors of `LANES` weights, from which LLVM makes those of the processor at hand.
With a plain loop it takes each table entry into a general register and puts vectors together from these, three times the cost of
a gather; and it compares draws by eight although sixteen fit in a register.

The functions act on arrays at an index, of which ``LANES`` elements must be there, and check nothing. Low halves of words are
assumed to be in front in memory, as on every processor that numba supports.
"""

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from maskscope.masks.kernels.counter import MULTIPLIERS, ROUNDS, WEYL
from maskscope.masks.kernels.threshold import LIMIT

ir = cgutils.ir  # of llvmlite, which numba brings along
LANES = 16
_HALF = LANES // 2
_FINE = 1 << 15
_MAY_OPEN = (LIMIT - 23) * _FINE  # the threshold is 0 up to a logit of -22.95
_F32, _I8, _I16, _I32, _I64 = ir.FloatType(), *(ir.IntType(width) for width in (8, 16, 32, 64))
_EVEN, _ODD = (ir.Constant(ir.VectorType(_I32, LANES), list(range(start, 2 * LANES, 2))) for start in (0, 1))


def _splat(kind, number, count=LANES):
    return ir.Constant(ir.VectorType(kind, count), [number] * count)


def _spread(builder, value, like):
    """The value, or a vector like ``like`` of it if it is a scalar."""
    if isinstance(value.type, ir.VectorType) or not isinstance(like.type, ir.VectorType):
        return value
    empty = ir.Constant(ir.VectorType(value.type, like.type.count), ir.Undefined)
    one = builder.insert_element(empty, value, _I32(0))
    return builder.shuffle_vector(one, empty, _splat(_I32, 0, like.type.count))


def _xor(builder, first, *others):
    for other in others:
        vector = first if isinstance(first.type, ir.VectorType) else other
        first = builder.xor(_spread(builder, first, vector), _spread(builder, other, vector))
    return first


def _data(context, builder, kind, value):
    return context.make_array(kind)(context, builder, value=value).data


def _place(builder, data, at, kind):
    return builder.bitcast(builder.gep(data, [at]), ir.VectorType(kind, LANES).as_pointer())


def _load(builder, data, at, kind, size):
    return builder.load(_place(builder, data, at, kind), align=size)


def _store(builder, value, data, at, size):
    builder.store(value, _place(builder, data, at, value.type.element), align=size)


def _fixed(builder, logit):
    """`threshold.position`, before it is split into index and fraction. The upper bound is the last position's."""
    low, high = _splat(_F32, -float(LIMIT)), _splat(_F32, LIMIT - 1 / _FINE)
    logit = builder.select(builder.fcmp_ordered(">", logit, low), logit, low)
    logit = builder.select(builder.fcmp_ordered("<", logit, high), logit, high)
    kind = ir.FunctionType(logit.type, [logit.type])
    floor = cgutils.get_or_insert_function(builder.module, kind, f"llvm.floor.v{LANES}f32")
    below = builder.call(floor, [builder.fmul(logit, _splat(_F32, float(_FINE)))])
    return builder.add(builder.fptosi(below, ir.VectorType(_I32, LANES)), _splat(_I32, LIMIT * _FINE))


def _fraction(builder, fixed):
    return builder.or_(builder.shl(builder.and_(fixed, _splat(_I32, 255)), _splat(_I32, 1)), _splat(_I32, 1))


def _gathered(builder, table, index, size):
    """The words of 64 bits that begin at the entries ``index`` of a table of entries of ``size`` bytes: two vectors of them."""
    pointers, words = ir.VectorType(_I8.as_pointer(), _HALF), ir.VectorType(_I64, _HALF)
    masks = ir.VectorType(ir.IntType(1), _HALF)
    kind = ir.FunctionType(words, [pointers, _I32, masks, words])
    gather = cgutils.get_or_insert_function(builder.module, kind, f"llvm.masked.gather.v{_HALF}i64.v{_HALF}p0")
    base, found = builder.ptrtoint(table, _I64), []
    for half in range(2):
        lanes = ir.Constant(ir.VectorType(_I32, _HALF), list(range(half * _HALF, (half + 1) * _HALF)))
        mine = builder.zext(builder.shuffle_vector(index, index, lanes), words)
        place = builder.add(_spread(builder, base, mine), builder.mul(mine, _splat(_I64, size, _HALF)))
        given = [builder.inttoptr(place, pointers), _I32(4), ir.Constant(masks, [1] * _HALF), ir.Constant(words, ir.Undefined)]
        found.append(builder.call(gather, given))
    return found


def _halves(builder, words):
    """The low and the high halves of two vectors of 64-bit words, as two vectors of 32-bit words."""
    both = [builder.bitcast(mine, ir.VectorType(_I32, LANES)) for mine in words]
    return builder.shuffle_vector(*both, _EVEN), builder.shuffle_vector(*both, _ODD)


def _thresholds(builder, fixed, table):
    """`threshold.keep_threshold`. Rise times fraction is below 2^32, as the steepest rise is 2^23."""
    entry, after = _halves(builder, _gathered(builder, table, builder.lshr(fixed, _splat(_I32, 8)), 4))
    product = builder.mul(builder.sub(after, entry), _fraction(builder, fixed))
    return builder.add(entry, builder.lshr(product, _splat(_I32, 9)))


def _multiply(builder, word, multiplier):
    """The product of the low half of each word, as 64 bits."""
    low = builder.and_(word, _spread(builder, _I64(0xFFFFFFFF), word))
    return builder.mul(low, _spread(builder, _I64(multiplier), word))


def _high(builder, product):
    return builder.lshr(product, _spread(builder, _I64(32), product))


def _last_but_one(builder, counter, keys):
    """The words before the last round, whose high halves are rubbish, and the keys of that round."""
    (x0, x1, x2, x3), (k0, k1) = counter, keys
    for _ in range(ROUNDS - 1):
        p0, p1 = _multiply(builder, x0, MULTIPLIERS[0]), _multiply(builder, x2, MULTIPLIERS[1])
        x0, x1, x2, x3 = _xor(builder, _high(builder, p1), x1, k0), p1, _xor(builder, _high(builder, p0), x3, k1), p0
        k0, k1 = builder.add(k0, _I64(WEYL[0])), builder.add(k1, _I64(WEYL[1]))
    return (x0, x1, x2, x3), (k0, k1)


def _word_pair(builder, halves, factor, other, multiplier, key):
    """Two words of the last round, for all lanes: (high half of the product) ^ other ^ key, and the low half of the product."""
    low, high = _halves(builder, [_multiply(builder, words[factor], multiplier) for words, _ in halves])
    others, _ = _halves(builder, [words[other] for words, _ in halves])
    return _xor(builder, high, others, builder.trunc(key, _I32)), low


def _words_before_the_end(builder, low, high, steps, keys):
    """`_last_but_one` for both halves of the lanes; ``low`` is counter word 0 of the first."""
    halves = []
    for half in range(2):
        lanes = ir.Constant(ir.VectorType(_I64, _HALF), list(range(half * _HALF, (half + 1) * _HALF)))
        halves.append(_last_but_one(builder, (builder.add(_spread(builder, low, lanes), lanes), high, *steps), keys))
    return halves


def _add_gates(builder, words, first, limit, bits):
    """Adds the gates of two samples, ``first`` and the next, to those in memory."""
    for place, word in enumerate(words, first):
        is_open = builder.icmp_unsigned("<", word, limit)
        bit = builder.select(is_open, _splat(_I8, 1 << place), _splat(_I8, 0))
        builder.store(builder.or_(builder.load(bits), bit), bits)


def _any(builder, mask):
    return builder.icmp_unsigned("!=", builder.bitcast(mask, ir.IntType(LANES)), ir.IntType(LANES)(0))


@intrinsic
def open_sixteen(_typing, logits, at, table, low, high, step0, step1, key0, key1, samples, gates):
    """Draws the gates of ``LANES`` weights from index ``at`` on; none of those of which no logit is high enough for any.

    Args:
        logits: float32.
        at: the index of the first weight.
        table: the thresholds at the grid points, 32-bit words.
        low: counter word 0 of the first weight. Words are of 64 bits here, of which the upper half does not count.
        high: counter word 1, for block 0 of the group.
        step0: counter word 2.
        step1: counter word 3.
        key0: low word of the key.
        key1: high word of the key.
        samples: 1 to 8. What only the other samples of a block of four need is not computed.
        gates: receives a byte a weight.
    """
    signature = types.void(logits, types.intp, table, *(types.uint64,) * 6, types.intp, gates)

    def code(context, builder, signature, args):
        logits, table, gates = (_data(context, builder, signature.args[place], args[place]) for place in (0, 2, 10))
        at, (low, high, step0, step1, key0, key1, samples) = args[1], args[3:10]
        fixed = _fixed(builder, _load(builder, logits, at, _F32, 4))
        bits = cgutils.alloca_once(builder, ir.VectorType(_I8, LANES))
        builder.store(_splat(_I8, 0), bits)
        with builder.if_then(_any(builder, builder.icmp_signed(">=", fixed, _splat(_I32, _MAY_OPEN)))):
            limit = _thresholds(builder, fixed, table)
            for block in range(2):
                with builder.if_then(builder.icmp_signed(">", samples, samples.type(4 * block))):
                    mine = builder.add(high, _I64(block << 16))
                    halves = _words_before_the_end(builder, low, mine, (step0, step1), (key0, key1))
                    key0_last, key1_last = halves[0][1]
                    first = _word_pair(builder, halves, 2, 1, MULTIPLIERS[1], key0_last)
                    _add_gates(builder, first, 4 * block, limit, bits)
                    with builder.if_then(builder.icmp_signed(">", samples, samples.type(4 * block + 2))):
                        second = _word_pair(builder, halves, 0, 3, MULTIPLIERS[0], key1_last)
                        _add_gates(builder, second, 4 * block + 2, limit, bits)
        keep = builder.sub(builder.shl(_I32(1), builder.trunc(samples, _I32)), _I32(1))
        kept = builder.and_(builder.load(bits), _spread(builder, builder.trunc(keep, _I8), _splat(_I8, 0)))
        _store(builder, kept, gates, at, 1)
        return context.get_dummy_value()

    return signature, code


@intrinsic
def copy_sixteen(_typing, weights, gates, at, sample, out, place):
    """Writes ``LANES`` weights from index ``at`` on to ``out`` from index ``place`` on, 0 where the gate of the sample is closed.

    Args:
        weights: integers of their size.
        gates: a byte a weight.
        at: the index of the first weight.
        sample: the bit of the gates.
        out: integers like the weights.
        place: where the first goes.
    """
    signature = types.void(weights, gates, types.intp, types.intp, out, types.intp)

    def code(context, builder, signature, args):
        weights, gates, out = (_data(context, builder, signature.args[place], args[place]) for place in (0, 1, 4))
        at, sample, place = args[2], args[3], args[5]
        kind = weights.type.pointee
        bit = builder.shl(_I32(1), builder.trunc(sample, _I32))
        gate = builder.and_(_load(builder, gates, at, _I8, 1), _spread(builder, builder.trunc(bit, _I8), _splat(_I8, 0)))
        weight = _load(builder, weights, at, kind, kind.width // 8)
        copied = builder.select(builder.icmp_unsigned("!=", gate, _splat(_I8, 0)), weight, _splat(kind, 0))
        _store(builder, copied, out, place, kind.width // 8)
        return context.get_dummy_value()

    return signature, code


@intrinsic
def slopes_of_sixteen(_typing, logits, at, table, lowest, closed, opened, place):
    """Interpolates both slopes of ``LANES`` weights from index ``at`` on; writes them from index ``place`` on.

    Args:
        logits: float32.
        at: the index of the first weight.
        table: at each grid point the slope of a closed gate, float32, in the low and that of an open one in the high half.
        lowest: the slope of a closed gate at the lowest position. Where all weights are there, nothing is looked up.
        closed: receives the slopes of closed gates.
        opened: receives the slopes of open gates.
        place: where the first goes.
    """
    signature = types.void(logits, types.intp, table, types.float32, closed, opened, types.intp)

    def code(context, builder, signature, args):
        logits, table, *out = (_data(context, builder, signature.args[place], args[place]) for place in (0, 2, 4, 5))
        at, lowest, place = args[1], args[3], args[6]
        fixed = _fixed(builder, _load(builder, logits, at, _F32, 4))
        index, reals = builder.lshr(fixed, _splat(_I32, 8)), ir.VectorType(_F32, LANES)
        with builder.if_else(_any(builder, builder.icmp_signed(">", fixed, _splat(_I32, 0)))) as (some, none):
            with some:
                entries = _halves(builder, _gathered(builder, table, index, 8))
                following = _halves(builder, _gathered(builder, table, builder.add(index, _splat(_I32, 1)), 8))
                fraction = builder.sitofp(_fraction(builder, fixed), reals)
                for entry, after, into in zip(entries, following, out, strict=True):
                    entry, after = builder.bitcast(entry, reals), builder.bitcast(after, reals)
                    rise = builder.fmul(builder.fsub(after, entry), _splat(_F32, 1 / 512))
                    rest = builder.fmul(rise, fraction, flags=("contract",))
                    _store(builder, builder.fadd(entry, rest, flags=("contract",)), into, place, 4)
            with none:
                _store(builder, _spread(builder, lowest, fixed), out[0], place, 4)
                _store(builder, _splat(_F32, 0.0), out[1], place, 4)
        return context.get_dummy_value()

    return signature, code
