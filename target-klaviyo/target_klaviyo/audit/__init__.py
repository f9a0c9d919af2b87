"""Comparing what should be in Klaviyo with what is there.

A 202 of Klaviyo does not mean stored, so nobody can know without looking. Fed by the same pipeline
as the writer, an audit takes the same rows and sends none of them:

    rows ──▶ expected ──┐
                        ├──▶ comparison ──▶ metrics, zones ──▶ report
    Klaviyo ──▶ found ──┘         │
                                  └──▶ repair ──▶ writer (what is missing)

Both sides lie in one temporary SQLite file. Klaviyo shows the unique_id of every event, a thousand
events a page, so each audited metric is read whole, and a handful of SELECTs say what differs. From
there on everything has the shape of the report's JSON.
"""
