"""Small images that a network can tell apart, as they are once files are read."""

import torch

from maskscope.data import ImageData, Images

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SIZE = 8


def small_images(name="cifar10", count=240, channels=3, verified=False):
    """Each class is a brightness of one quarter of the image, with noise."""
    random = torch.Generator().manual_seed(7)

    def some(count):
        labels = torch.arange(count) % len(CLASSES)
        pixels = torch.randint(0, 60, (count, channels, SIZE, SIZE), generator=random)
        for quarter in range(4):
            rows, columns = slice(4 * (quarter // 2), 4 * (quarter // 2) + 4), slice(4 * (quarter % 2), 4 * (quarter % 2) + 4)
            level = torch.where(labels % 4 == quarter, 60 + 15 * labels, torch.zeros(()).long())
            pixels[:, :, rows, columns] += level[:, None, None, None]
        return Images(pixels.to(torch.uint8), labels)

    return ImageData(name, CLASSES, some(count), some(count // 4), verified, f"digest of small {name}")
