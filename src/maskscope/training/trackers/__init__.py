"""Trackers of experiments that log what a search does: wandb, trackio, TensorBoard, MLflow."""

from maskscope.training.trackers.services import TRACKERS
from maskscope.training.trackers.tracker import Tracker, TrackerWarning

__all__ = ["TRACKERS", "Tracker", "TrackerWarning"]
