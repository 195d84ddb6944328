"""What makes the project run itself: the sensors, and the conditions under which assets are made.

Decisions are pure functions beside the Dagster objects that ask for them. What a run does belongs
in `assets/`.
"""
