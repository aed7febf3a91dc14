"""The draws of many elements that the tests of estimators share."""

from maskscope.masks.kernels.counter import draw_words, stream_key

N = 1 << 15


def draws(*name):
    return draw_words(stream_key("test", *name), step=0, block=0, first=0, count=N)
