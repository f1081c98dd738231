"""Reads what each page shows, and makes the page or its JSON."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from inspector.core.mode import LOCKED
from inspector.report.markup import Child, Markup
from inspector.service.line_state import LineView, SourceState
from inspector.store.alarms import find_alarms
from inspector.store.audit import find_changes
from inspector.store.database import Store
from inspector.store.events import find_stored_runs
from inspector.store.feedback import find_frame_feedback
from inspector.store.filters import HistoryFilter
from inspector.store.history import (
    InspectionRow,
    count_verdicts,
    find_defects,
    find_inspection,
    find_inspections,
    last_scores,
    read_measured,
)
from inspector.store.log_rows import PRODUCTION
from inspector.web.fields import LARGEST, FieldError, number_field, text_field, whole_field
from inspector.web.figures import disk_text, engine_name, source_figures, status_text
from inspector.web.frame_page import frame_parts
from inspector.web.history_page import PAGE, history_parts, read_filter
from inspector.web.layout import Visitor, page
from inspector.web.live_page import MOST_STREAMS, live_parts, live_version
from inspector.web.pictures import PICTURES, read_picture
from inspector.web.plain_values import finite, plain_refit, plain_row, without_paths
from inspector.web.record_pages import change_parts, run_parts
from inspector.web.teaching_page import (
    PAGE_POLICY,
    list_engines,
    read_comparison,
    refit_text,
    teaching_parts,
)
from inspector.web.thresholds_page import LAST, threshold_parts
from inspector.web.what_if import apply_threshold

LAST_FAILURES: Final = 8
CHANGES: Final = 100
RUNS: Final = 100
ALARMS: Final = 50

View = Callable[[Request, Visitor, Markup | None], Response]


class Views:
    """Each view gets the request, the visitor, and the notice about the last change. Any thread may
    call it."""

    def __init__(self, store: Store, line: LineView) -> None:
        self._store = store
        self._line = line

    def addresses(self) -> Mapping[str, View]:
        return {
            "/": self.live,
            "/history": self.history,
            "/frame/{run_id}/{source}/{frame_id}": self.frame,
            "/picture/{run_id}/{source}/{frame_id}/{kind}": self.picture,
            "/thresholds": self.thresholds,
            "/teaching": self.teaching,
            "/teaching/comparison": self.comparison,
            "/runs": self.runs,
            "/changes": self.changes,
            "/api/state": self.state_json,
            "/api/inspections": self.inspections_json,
            "/api/inspections/{run_id}/{source}/{frame_id}": self.inspection_json,
            "/api/thresholds": self.thresholds_json,
            "/api/alarms": self.alarms_json,
            "/api/changes": self.changes_json,
            "/api/runs": self.runs_json,
        }

    def live(self, request: Request, visitor: Visitor, notice: Markup | None) -> Response:
        state = self._line.state()
        names = [source.name for source in state.sources]
        camera = text_field(request.query_params, "camera")
        shown = [camera] if camera in names else names[:MOST_STREAMS]
        parts = live_parts(state, find_alarms(self._store), self._last_failures(), visitor, shown)
        return _html("Live", "/", visitor, *parts, notice=notice)

    def _last_failures(self, limit: int = LAST_FAILURES) -> list[InspectionRow]:
        failures = HistoryFilter(verdicts=("FAIL", "ERROR"), kind=PRODUCTION)
        return find_inspections(self._store, failures, limit=limit)

    def state_json(self, request: Request, visitor: Visitor, notice: Markup | None) -> Response:
        state = self._line.state()
        alarms, failures = find_alarms(self._store), self._last_failures(1)
        sources = []
        for source in state.sources:
            figures = {"engine": engine_name(source), "figures": source_figures(source)}
            sources.append(without_paths(source) | figures)
        return _json(
            dataclasses.asdict(state)
            | {
                "sources": sources,
                "refit": None if state.refit is None else plain_refit(state.refit),
                "status_text": status_text(state),
                "disk_text": disk_text(state),
                "refit_text": refit_text(state.refit),
                "open_alarms": len(alarms),
                "page_version": live_version(state, alarms, failures),
            }
        )

    def history(self, request: Request, visitor: Visitor, notice: Markup | None) -> Response:
        query = dict(request.query_params)
        filter_ = read_filter(query)
        rows = find_inspections(
            self._store, filter_, before=whole_field(query, "before"), limit=PAGE + 1
        )
        counts = count_verdicts(self._store, filter_, by="verdict")
        sources = [source.name for source in self._line.state().sources]
        parts = history_parts(query, rows, sources, next(iter(counts), None))
        return _html("History", "/history", visitor, *parts, notice=notice)

    def inspections_json(
        self, request: Request, visitor: Visitor, notice: Markup | None
    ) -> Response:
        query = dict(request.query_params)
        limit = min(whole_field(query, "limit") or PAGE, 1000)
        rows = find_inspections(
            self._store, read_filter(query), before=whole_field(query, "before"), limit=limit
        )
        return _json({"inspections": [plain_row(row) for row in rows]})

    def frame(self, request: Request, visitor: Visitor, notice: Markup | None) -> Response:
        row = self._find_frame(request)
        record = read_measured(row)
        parts = frame_parts(
            row,
            find_defects(self._store, row.run_id, row.source, row.frame_id),
            None if record is None else record.get("reason"),
            find_frame_feedback(self._store, row.run_id, row.source, row.frame_id),
            visitor,
            locked=self._line.state().mode == LOCKED,
        )
        title = f"Frame {row.frame_id} of {row.source}"
        return _html(title, "/history", visitor, *parts, notice=notice)

    def inspection_json(
        self, request: Request, visitor: Visitor, notice: Markup | None
    ) -> Response:
        row = self._find_frame(request)
        key = (row.run_id, row.source, row.frame_id)
        feedback = find_frame_feedback(self._store, *key)
        return _json(
            plain_row(row)
            | {
                "defect_list": find_defects(self._store, *key),
                "feedback_list": [dataclasses.asdict(entry) for entry in feedback],
            }
        )

    def _find_frame(self, request: Request) -> InspectionRow:
        text = request.path_params["frame_id"]
        row = None
        if text.isascii() and text.isdigit() and len(text) < len(str(LARGEST)):
            run_id, source = request.path_params["run_id"], request.path_params["source"]
            row = find_inspection(self._store, run_id, source, int(text))
        if row is None:
            raise HTTPException(404, "The store has no such frame")
        return row

    def picture(self, request: Request, visitor: Visitor, notice: Markup | None) -> Response:
        row = self._find_frame(request)
        kind = request.path_params["kind"]
        name = {"snapshot": row.snapshot, "original": row.original}.get(kind)
        data = None if name is None else read_picture(row.folder, name)
        if name is None or data is None:
            raise HTTPException(404, "This picture is not saved")
        headers = {"cache-control": "private, max-age=3600"}
        return Response(data, media_type=PICTURES[name.suffix], headers=headers)

    def thresholds(self, request: Request, visitor: Visitor, notice: Markup | None) -> Response:
        state = self._line.state()
        if not state.sources:
            raise HTTPException(404, "The line has no camera yet")
        source = self._find_source(request, state.sources)
        parts = threshold_parts(
            source,
            state.sources,
            last_scores(self._store, source.name, count=LAST),
            visitor,
            new_image=number_field(request.query_params, "image_threshold"),
            new_pixel=number_field(request.query_params, "pixel_threshold"),
            locked=state.mode == LOCKED,
            recipe=source.recipe,
        )
        return _html("Thresholds", "/thresholds", visitor, *parts, notice=notice)

    def thresholds_json(
        self, request: Request, visitor: Visitor, notice: Markup | None
    ) -> Response:
        source = self._find_source(request, self._line.state().sources)
        frames = last_scores(self._store, source.name, count=LAST)
        new = number_field(request.query_params, "image_threshold")
        if new is None:
            raise FieldError("image_threshold is missing.")
        return _json(
            {
                "source": source.name,
                "frames": len(frames),
                "image_threshold": source.image_threshold,
                "pixel_threshold": source.pixel_threshold,
            }
            | dataclasses.asdict(apply_threshold(frames, new))
        )

    def _find_source(self, request: Request, sources: tuple[SourceState, ...]) -> SourceState:
        name = text_field(request.query_params, "source") or (sources[0].name if sources else "")
        for source in sources:
            if source.name == name:
                return source
        raise HTTPException(404, "The line has no such camera")

    def teaching(self, request: Request, visitor: Visitor, notice: Markup | None) -> Response:
        parts = teaching_parts(self._line.state(), visitor)
        return _html("Teaching", "/teaching", visitor, *parts, notice=notice)

    def comparison(self, request: Request, visitor: Visitor, notice: Markup | None) -> Response:
        engine = text_field(request.query_params, "engine")
        known = engine in list_engines(self._line.state())
        data = read_comparison(Path(engine)) if known else None
        if data is None:
            raise HTTPException(404, "There is no comparison of this engine")
        return HTMLResponse(data, headers={"content-security-policy": PAGE_POLICY})

    def runs(self, request: Request, visitor: Visitor, notice: Markup | None) -> Response:
        before = whole_field(request.query_params, "before")
        rows = find_stored_runs(self._store, before=before, limit=RUNS + 1)
        parts = run_parts(rows, page_size=RUNS)
        return _html("Runs", "/runs", visitor, *parts, notice=notice)

    def runs_json(self, request: Request, visitor: Visitor, notice: Markup | None) -> Response:
        before = whole_field(request.query_params, "before")
        rows = find_stored_runs(self._store, before=before, limit=RUNS)
        return _json({"runs": [without_paths(row) for row in rows]})

    def changes(self, request: Request, visitor: Visitor, notice: Markup | None) -> Response:
        before = whole_field(request.query_params, "before")
        rows = find_changes(self._store, before=before, limit=CHANGES + 1)
        alarms = find_alarms(self._store, open_only=False, limit=ALARMS)
        parts = change_parts(rows, alarms, page_size=CHANGES)
        return _html("Changes", "/changes", visitor, *parts, notice=notice)

    def changes_json(self, request: Request, visitor: Visitor, notice: Markup | None) -> Response:
        before = whole_field(request.query_params, "before")
        rows = find_changes(self._store, before=before, limit=CHANGES)
        return _json({"changes": [dataclasses.asdict(row) for row in rows]})

    def alarms_json(self, request: Request, visitor: Visitor, notice: Markup | None) -> Response:
        alarms = find_alarms(self._store, open_only=False, limit=ALARMS)
        return _json({"alarms": [dataclasses.asdict(alarm) for alarm in alarms]})


def _html(
    title: str, path: str, visitor: Visitor, *parts: Child, notice: Markup | None
) -> Response:
    return HTMLResponse(page(title, path, visitor, *parts, notice=notice))


def _json(values: Any) -> Response:
    return JSONResponse(finite(values))
