"""The rooms: a folder for each study. A new one is a folder and a row here; a study in a file of a user's own needs neither."""

# where each study is found, by its name
STUDIES = {
    "addition-multiplication": "maskscope.studies.addition_multiplication.study:STUDY",
    "double-addition": "maskscope.studies.double_addition.study:STUDY",
    "permuted-mnist": "maskscope.studies.permuted_images.study:STUDY",
    "cifar10-class-removal": "maskscope.studies.class_removal.study:STUDY",
    "cifar10-mask-stability": "maskscope.studies.mask_stability.study:STUDY",
    "scan": "maskscope.studies.scan.study:STUDY",
    "mathematics": "maskscope.studies.mathematics.study:STUDY",
}

# studies that read the records of others, and have nothing to run themselves
READERS = {"own": "maskscope.studies.own.study:READER"}
