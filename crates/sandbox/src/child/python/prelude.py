# What the supervisor's code finds in scope.
import collections
import datetime
import functools
import itertools
import json
import math
import re
import typing
from collections import Counter, defaultdict, deque, namedtuple
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterable, List, Literal, Mapping, Optional, Sequence, Set, Tuple, Type, Union


@dataclass
class JobManifest:
    """A chunk and a task about it."""

    chunk: str
    task: str
    advice: str = ''
    chunk_id: Optional[int] = None
    task_id: Optional[int] = None
    job_id: Optional[int] = None
    expected: bool = False


@dataclass
class JobOutput:
    """A worker's answer."""

    explanation: str = ''
    citation: Optional[str] = None
    answer: Optional[str] = None
    lost: bool = False


@dataclass
class Job:
    """A manifest with its answer."""

    manifest: JobManifest
    output: JobOutput
    sample: str = ''
    include: Optional[bool] = None
    agreed: int = 1
    samples: int = 1
    confirmed: bool = False
    place: Optional[str] = None

    @property
    def lost(self):
        return self.output.lost

