"""Image data sets in their original files: found in a folder or downloaded, checked, and read without running their code."""

from maskscope.data.download import fetch
from maskscope.data.images import ImageData, Images
from maskscope.data.load import CheckedFile, CheckedSet, check_images, load_images
from maskscope.data.places import DATA_VARIABLE, find_files, named_folder, place_named
from maskscope.data.table import DATASETS, DataSet, dataset_named

__all__ = [
    "DATASETS",
    "DATA_VARIABLE",
    "CheckedFile",
    "CheckedSet",
    "DataSet",
    "ImageData",
    "Images",
    "check_images",
    "dataset_named",
    "fetch",
    "find_files",
    "load_images",
    "named_folder",
    "place_named",
]
