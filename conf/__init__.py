"""The Hydra tree. A package, so that `lic` finds it from any folder."""
