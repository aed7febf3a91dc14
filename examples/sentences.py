"""Questions about food and questions about weather, made of frames and nouns, for the example sentence_encoder.py."""

import random

FOOD = (
    "How long should I boil the {}?|Is the {} too salty for the children?|Where can I buy good {} today?"
    "|Who ate the last of the {}?"
    "|Does the {} go well with bread?|Why is the {} so expensive this year?|Can we serve the {} cold?|Which herbs are in the {}?"
    "|Did you freeze the rest of the {}?|Should the {} be sliced or grated?|How many calories are in the {}?"
    "|What wine suits the {}?"
).split("|")
DISHES = (
    "soup rice cheese salmon pasta cake potatoes beans chicken spinach"
    " pie onions lamb pumpkin eggs stew carrots mushrooms curry salad"
).split()
WEATHER = (
    "Will the {} last until the weekend?|When does the {} usually come to the valley?|Did the {} damage the old bridge?"
    "|Is the {} stronger near the coast?|How often do you see {} in April?|Why does the {} always come from the west?"
    "|Can the {} delay our flight tomorrow?|Who warned the village about the {}?|Was the {} worse than last winter?"
    "|Does the {} keep the tourists away?|What causes the {} in these mountains?|Should we stay inside during the {}?"
).split("|")
SKIES = (
    "rain snow fog wind thunder hail sunshine drizzle frost storm"
    " heat clouds sleet lightning breeze cold drought mist humidity hurricane"
).split()
# nouns that no mask is found with: the last quarter
_SEARCHED = 15


def questions(frames: list[str], nouns: list[str]) -> tuple[list[str], list[str]]:
    """All frames with all nouns, in an order that is always the same: those to search with, and those to score on.

    Returns:
        Sentences of the first fifteen nouns; and those of the others, with the same frames.
    """
    found = []
    for chosen in (nouns[:_SEARCHED], nouns[_SEARCHED:]):
        made = [frame.format(noun) for frame in frames for noun in chosen]
        random.Random(0).shuffle(made)
        found.append(made)
    return found[0], found[1]
