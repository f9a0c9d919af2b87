"""Comparing what should be in Klaviyo with what is there.

A 202 of Klaviyo does not mean stored, so nobody can know without looking. Fed by the same pipeline
as the writer, the auditor takes the same rows and sends none of them:

    rows ──▶ expectations (a temporary file) ──┐
                                               ├──▶ comparison ──▶ findings ──▶ report
    Klaviyo ──▶ queries ──▶ reader ────────────┘        │
                                                        └──▶ repair ──▶ writer (what is missing)

It asks as little as it can: counts and sums per day first, single events only of days that differ.
"""
