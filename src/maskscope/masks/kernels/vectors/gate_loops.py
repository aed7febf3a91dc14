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
from maskscope.masks.kernels.vectors import lane_loops as lanes


def _thresholds(builder, fixed, table):
    """`threshold.keep_threshold`. Rise times fraction is below 2^32, as the steepest rise is 2^23."""
    entry, after = lanes.halves(builder, lanes.gathered(builder, table, builder.lshr(fixed, lanes.splat(lanes.I32, 8)), 4))
    product = builder.mul(builder.sub(after, entry), lanes.fraction(builder, fixed))
    return builder.add(entry, builder.lshr(product, lanes.splat(lanes.I32, 9)))


def _multiply(builder, word, multiplier):
    """The product of the low half of each word, as 64 bits."""
    low = builder.and_(word, lanes.spread(builder, lanes.I64(0xFFFFFFFF), word))
    return builder.mul(low, lanes.spread(builder, lanes.I64(multiplier), word))


def _high(builder, product):
    return builder.lshr(product, lanes.spread(builder, lanes.I64(32), product))


def _last_but_one(builder, counter, keys):
    """The words before the last round, whose high halves are rubbish, and the keys of that round."""
    (x0, x1, x2, x3), (k0, k1) = counter, keys
    for _ in range(ROUNDS - 1):
        p0, p1 = _multiply(builder, x0, MULTIPLIERS[0]), _multiply(builder, x2, MULTIPLIERS[1])
        x0, x1, x2, x3 = lanes.xor(builder, _high(builder, p1), x1, k0), p1, lanes.xor(builder, _high(builder, p0), x3, k1), p0
        k0, k1 = builder.add(k0, lanes.I64(WEYL[0])), builder.add(k1, lanes.I64(WEYL[1]))
    return (x0, x1, x2, x3), (k0, k1)


def _word_pair(builder, halves, factor, other, multiplier, key):
    """Two words of the last round, for all lanes: (high half of the product) ^ other ^ key, and the low half of the product."""
    low, high = lanes.halves(builder, [_multiply(builder, words[factor], multiplier) for words, _ in halves])
    others, _ = lanes.halves(builder, [words[other] for words, _ in halves])
    return lanes.xor(builder, high, others, builder.trunc(key, lanes.I32)), low


def _words_before_the_end(builder, low, high, steps, keys):
    """`_last_but_one` for both halves of the lanes; ``low`` is counter word 0 of the first."""
    halves = []
    for half in range(2):
        numbers = lanes.ir.Constant(
            lanes.ir.VectorType(lanes.I64, lanes.HALF), list(range(half * lanes.HALF, (half + 1) * lanes.HALF))
        )
        halves.append(_last_but_one(builder, (builder.add(lanes.spread(builder, low, numbers), numbers), high, *steps), keys))
    return halves


def _add_gates(builder, words, first, limit, bits):
    """Adds the gates of two samples, ``first`` and the next, to those in memory."""
    for place, word in enumerate(words, first):
        is_open = builder.icmp_unsigned("<", word, limit)
        bit = builder.select(is_open, lanes.splat(lanes.I8, 1 << place), lanes.splat(lanes.I8, 0))
        builder.store(builder.or_(builder.load(bits), bit), bits)


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
        logits, table, gates = (lanes.data(context, builder, signature.args[place], args[place]) for place in (0, 2, 10))
        at, (low, high, step0, step1, key0, key1, samples) = args[1], args[3:10]
        fixed = lanes.fixed(builder, lanes.load(builder, logits, at, lanes.F32, 4))
        bits = cgutils.alloca_once(builder, lanes.ir.VectorType(lanes.I8, lanes.LANES))
        builder.store(lanes.splat(lanes.I8, 0), bits)
        with builder.if_then(lanes.any_lane(builder, builder.icmp_signed(">=", fixed, lanes.splat(lanes.I32, lanes.MAY_OPEN)))):
            limit = _thresholds(builder, fixed, table)
            for block in range(2):
                with builder.if_then(builder.icmp_signed(">", samples, samples.type(4 * block))):
                    mine = builder.add(high, lanes.I64(block << 16))
                    halves = _words_before_the_end(builder, low, mine, (step0, step1), (key0, key1))
                    key0_last, key1_last = halves[0][1]
                    first = _word_pair(builder, halves, 2, 1, MULTIPLIERS[1], key0_last)
                    _add_gates(builder, first, 4 * block, limit, bits)
                    with builder.if_then(builder.icmp_signed(">", samples, samples.type(4 * block + 2))):
                        second = _word_pair(builder, halves, 0, 3, MULTIPLIERS[0], key1_last)
                        _add_gates(builder, second, 4 * block + 2, limit, bits)
        keep = builder.sub(builder.shl(lanes.I32(1), builder.trunc(samples, lanes.I32)), lanes.I32(1))
        kept = builder.and_(builder.load(bits), lanes.spread(builder, builder.trunc(keep, lanes.I8), lanes.splat(lanes.I8, 0)))
        lanes.store(builder, kept, gates, at, 1)
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
        weights, gates, out = (lanes.data(context, builder, signature.args[place], args[place]) for place in (0, 1, 4))
        at, sample, place = args[2], args[3], args[5]
        kind = weights.type.pointee
        bit = builder.shl(lanes.I32(1), builder.trunc(sample, lanes.I32))
        gate = builder.and_(
            lanes.load(builder, gates, at, lanes.I8, 1),
            lanes.spread(builder, builder.trunc(bit, lanes.I8), lanes.splat(lanes.I8, 0)),
        )
        weight = lanes.load(builder, weights, at, kind, kind.width // 8)
        copied = builder.select(builder.icmp_unsigned("!=", gate, lanes.splat(lanes.I8, 0)), weight, lanes.splat(kind, 0))
        lanes.store(builder, copied, out, place, kind.width // 8)
        return context.get_dummy_value()

    return signature, code
