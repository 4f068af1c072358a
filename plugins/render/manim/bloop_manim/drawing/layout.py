"""placeholder"""
from bloop_sdk.providers.render import Layout, ScenePlan


def check(plan: ScenePlan) -> Layout:
    return Layout(scenes=(plan.scene,))
