"""The smallest memory that bruno-core's ``BaseAssistant`` can work with: this process's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bruno_core.interfaces.memory import MemoryInterface
from bruno_core.models.context import ConversationContext, SessionContext, UserContext
from bruno_core.models.memory import MemoryEntry, MemoryQuery
from bruno_core.models.message import Message

__all__ = ["InMemory"]


class InMemory(MemoryInterface):
    """Keeps conversations, sessions and memories in dicts. For demos and examples."""

    def __init__(self) -> None:
        self._messages: dict[str, list[Message]] = {}
        self._memories: dict[str, MemoryEntry] = {}
        self._sessions: dict[str, SessionContext] = {}

    async def store_message(self, message: Message, conversation_id: str) -> None:
        """Keep a message."""
        self._messages.setdefault(conversation_id, []).append(message)

    async def retrieve_messages(
        self, conversation_id: str, limit: int | None = None
    ) -> list[Message]:
        """The messages of a conversation, the newest first."""
        return self._messages.get(conversation_id, [])[::-1][:limit]

    async def search_messages(
        self, query: str, user_id: str | None = None, limit: int = 10
    ) -> list[Message]:
        """Messages that have the text in them; messages know no user, so all are searched."""
        wanted = query.casefold()
        every = (message for stored in self._messages.values() for message in stored)
        return [message for message in every if wanted in message.content.casefold()][:limit]

    async def store_memory(self, memory_entry: MemoryEntry) -> None:
        """Keep a fact."""
        self._memories[str(memory_entry.id)] = memory_entry

    async def retrieve_memories(self, query: MemoryQuery) -> list[MemoryEntry]:
        """The facts of a user that have the text of the query in them."""
        wanted = (query.query_text or "").casefold()
        found = [
            entry
            for entry in self._memories.values()
            if entry.user_id == query.user_id
            and wanted in entry.content.casefold()
            and entry.memory_type in (query.memory_types or [entry.memory_type])
        ]
        return found[: query.limit]

    async def delete_memory(self, memory_id: str) -> None:
        """Forget a fact."""
        self._memories.pop(memory_id, None)

    async def create_session(
        self, user_id: str, metadata: Mapping[str, Any] | None = None
    ) -> SessionContext:
        """Begin a session."""
        session = SessionContext(user_id=user_id, metadata=dict(metadata or {}))
        self._sessions[session.session_id] = session
        return session

    async def get_session(self, session_id: str) -> SessionContext | None:
        """A session, ``None`` when there is none of that id."""
        return self._sessions.get(session_id)

    async def end_session(self, session_id: str) -> None:
        """End a session; an unknown one has ended already."""
        session = self._sessions.get(session_id)
        if session is not None:
            session.end_session()

    async def get_context(self, user_id: str, session_id: str | None = None) -> ConversationContext:
        """The conversation so far.

        bruno-core's ``BaseAssistant`` gives its ``conversation_id`` here, and without one asks for
        the same user again at each turn; both find the conversation that they began.

        Args:
            user_id: Whose conversation it is.
            session_id: The id of a session or of a conversation; ``None`` for the latest one of
                the user that has not ended. A new one begins where nothing is found.
        """
        session = self._find(user_id, session_id)
        if session is None:
            session = await self.create_session(user_id)
            session.conversation_id = session_id or session.conversation_id
        return ConversationContext(
            conversation_id=session.conversation_id,
            user=UserContext(user_id=user_id),
            session=session,
            messages=list(self._messages.get(session.conversation_id, [])),
        )

    def _find(self, user_id: str, id_: str | None) -> SessionContext | None:
        if id_ in self._sessions:
            return self._sessions[id_]
        for session in reversed(self._sessions.values()):
            if session.user_id == user_id and (
                session.conversation_id == id_ if id_ else session.is_active
            ):
                return session
        return None

    async def clear_history(self, conversation_id: str, keep_system_messages: bool = True) -> None:
        """Forget the messages of a conversation."""
        kept = [m for m in self._messages.get(conversation_id, []) if m.role.value == "system"]
        self._messages[conversation_id] = kept if keep_system_messages else []

    async def get_statistics(self, user_id: str) -> dict[str, Any]:
        """How many messages, conversations and facts are kept."""
        return {
            "total_messages": sum(map(len, self._messages.values())),
            "conversations": len(self._messages),
            "memories": sum(entry.user_id == user_id for entry in self._memories.values()),
        }
