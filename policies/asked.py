"""The prompt of a request that asks for more than to go on, and whether it fits the context."""

from typing import Any

from policies.engines.prompt import with_sources
from policies.engines.prompts import Prompt
from policies.prompting import Prompting
from search.errors import KnobError
from search.protocols import Ask
from search.tree import Node


def with_message(prompting: Prompting, tokenizer: Any, node: Node, prompt: Prompt, ask: Ask) -> Prompt:
    """The path's prompt with the request's hint and sources in the user's message.

    Raises KnobError for a source without text.
    """
    if not ask.hint and not ask.sources:
        return prompt
    texts = [source.text() for source in ask.sources]
    if "" in texts:
        raise KnobError(f"Ask.sources[{texts.index('')}] is a node without text: name solutions")
    question = prompting.encode(tokenizer, with_sources(node.tree.question, ask.hint, texts))
    return prompt._replace(ids=(*question, *prompt.ids[prompt.question :]), question=len(question))


def check_path(prompt: Prompt, model: str, context: int) -> None:
    """Raises ValueError where question and path fill the context."""
    if len(prompt.ids) >= context:
        raise ValueError(
            f"the question takes {prompt.question} tokens and its path {len(prompt.ids) - prompt.question}, "
            f"but the context of {model} holds {context}: shorten the question"
        )


def check_room(length: int, ask: Ask, model: str, context: int) -> None:
    """Raises KnobError where a prompt of so many tokens, with all that was asked for, fills the context."""
    if length >= context:
        fields = ask._replace(action="", temperature=None, max_tokens=None).named()
        raise KnobError(
            f"with Ask's {fields} the prompt takes {length} tokens, but the context of {model} holds {context}: "
            "give less of them"
        )
