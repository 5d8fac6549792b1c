"""The prompt of a request that asks for something besides going on."""

from collections.abc import Callable, Sequence

from policies.engines.prompt import with_sources
from policies.engines.prompts import Prompt
from search.errors import KnobError
from search.protocols import Ask


def with_asked(prompt: Prompt, question: str, ask: Ask, encode: Callable[[str], Sequence[int]]) -> Prompt:
    """The prompt of a path with the request's sources and hint behind the question; `encode` encodes what is asked.

    Raises KnobError for a source without text.
    """
    if not (ask.hint or ask.sources):
        return prompt
    texts = [source.text() for source in ask.sources]
    if "" in texts:
        raise KnobError(f"Ask.sources[{texts.index('')}] is a node without text: name solutions")
    before = encode(with_sources(question, ask.hint, texts))
    return prompt._replace(ids=(*before, *prompt.ids[prompt.question :]), question=len(before))


def check_path(prompt: Prompt, context: int, model: str) -> None:
    """Raises ValueError where question and path fill the context."""
    if len(prompt.ids) >= context:
        raise ValueError(
            f"the question takes {prompt.question} tokens and its path {len(prompt.ids) - prompt.question}, "
            f"but the context of {model} holds {context}: shorten the question"
        )


def check_asked(tokens: int, ask: Ask, context: int, model: str) -> None:
    """Raises KnobError where a prompt of so many tokens, with what is asked, fills the context."""
    if tokens >= context:
        fields = ask._replace(action="", temperature=None, max_tokens=None).named()
        raise KnobError(
            f"with Ask's {fields} the prompt takes {tokens} tokens, but the context of {model} holds {context}: give "
            "less of them"
        )
