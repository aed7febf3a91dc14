"""Makes networks smaller: removes the units that a mask has left without a reader, or without anything to say."""

from maskscope.surgery.shrink import Shrunk, shrink

__all__ = ["Shrunk", "shrink"]
