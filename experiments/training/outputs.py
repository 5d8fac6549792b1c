"""The formats of a trained reward model."""

from enum import Enum


class Output(Enum):
    """The format of the trained model, named after the scorer that reads it."""

    PRM = "prm"
    TOKEN_CLASSIFICATION = "token_classification"
