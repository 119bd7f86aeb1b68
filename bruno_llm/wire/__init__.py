"""What the vendor really sent, read below litellm.

litellm drops or invents some facts of an answer (a stream that was cut, a refusal, the true HTTP
status, the vendor's id ...; the list is in ``docs/wire-fidelity.md``). Every request goes through
our own HTTP client, which notes those facts in an ``Exchange`` and hands on to litellm the events
that are whole and right. One module per vendor format says where the facts stand; each can shrink
when litellm learns them.
"""
