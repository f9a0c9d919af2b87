"""Sending rows and knowing what became of each.

    rows ──▶ sinks ──▶ batches ──▶ requests ──▶ dispatcher ──POST──▶ Klaviyo
               ▲                                    │
               └────────── outcomes ◀───────────────┘
               │
               ├──▶ tracker ──▶ checkpoints ──▶ STATE
               └──▶ rejects

The `writer` keeps it going, in one thread; only the `pool` waits for answers in others.
"""
