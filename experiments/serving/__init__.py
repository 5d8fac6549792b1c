"""An OpenAI-compatible server in front of search, and the page to watch one."""
