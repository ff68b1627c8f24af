"""The tables of `serving`, and whether the targets were met."""

from collections.abc import Callable, Sequence

from bench_report import median, note, ratios, table

from serving.cells import FULL_CORE, Cell
from serving.contestants import Field
from serving.endpoint import Endpoint, EndpointKind
from serving.results import Plan, Results

CPU_CLIENTS = 64
CPU_OF_PEER, CPU_OF_FLOOR, RATE_OF_PEER, LATENCY_OF_PEER = 0.75, 2.0, 1.3, 1.0
Metric = Callable[[Cell], float]


def cpu(cell: Cell) -> float:
    """Return the CPU microseconds per request."""
    return cell.total_cpu


def rate(cell: Cell) -> float:
    """Return the requests per second."""
    return cell.rate


def p50(cell: Cell) -> float:
    """Return the median latency in ms."""
    return cell.p50


def p99(cell: Cell) -> float:
    """Return the 99th percentile of the latency in ms."""
    return cell.p99


def show(field: Field, results: Results, plan: Plan) -> None:
    """Print a table per number of clients, then the targets."""
    for name, reason in field.absent.items():
        note(f"{name}: not measured: {reason.splitlines()[0]:.200}")
    if not results.cells:
        return
    for clients in plan.clients:
        _costs(field, results, clients)
    _load_generator(results)
    _processes(results, plan)
    rows = [row for clients in plan.clients for row in _targets(field, results, clients)]
    if rows:
        table("targets", ["", "reached", "target", "against", "verdict"], rows)


def _costs(field: Field, results: Results, clients: int) -> None:
    rows = []
    for endpoint in field.endpoints:
        cells = results.cells.get((endpoint.name, clients))
        if cells:
            figures = [_median(cells, metric) for metric in (cpu, rate, p50, p99)]
            rows.append([endpoint.title, endpoint.kind.value, *figures])
    if results.graph:
        value = median(results.graph)
        rows.append(["ONNX Runtime alone", EndpointKind.FLOOR.value, value, 1e6 / value, "-", "-"])
    header = ["", "", "CPU us/request", "requests/s", "p50 ms", "p99 ms"]
    table(f"{clients} client(s), medians of {_rounds(results)} rounds", header, rows)


def _rounds(results: Results) -> int:
    return max(len(cells) for cells in results.cells.values())


def _median(cells: Sequence[Cell], metric: Metric) -> float:
    return median([metric(cell) for cell in cells])


def _load_generator(results: Results) -> None:
    share = max(cell.load_share for cells in results.cells.values() for cell in cells)
    note(f"the load generator used up to {share:.0%} of its core")
    if share > FULL_CORE:
        note("WARNING: it may have been the limit of requests/s and latencies")


def _processes(results: Results, plan: Plan) -> None:
    rows = []
    for clients in plan.clients:
        cells = results.cells.get(("ours", clients), [])
        rows += [
            [name, clients, median([cell.cpu[name] for cell in cells])]
            for name in (cells[0].cpu if cells else ())
        ]
    if rows:
        table("ours by process", ["", "clients", "CPU us/request"], rows)


def _targets(field: Field, results: Results, clients: int) -> list[list[object]]:
    ours = results.cells.get(("ours", clients))
    products = [e for e in field.endpoints if e.kind is EndpointKind.PRODUCT]
    if not ours:
        return []
    rows = []
    for metric, name, limit, best in (
        (cpu, "CPU per request", CPU_OF_PEER, min),
        (rate, "requests/s", RATE_OF_PEER, max),
        (p50, "p50", LATENCY_OF_PEER, min),
        (p99, "p99", LATENCY_OF_PEER, min),
    ):
        if products and (metric in (p50, p99) or clients == CPU_CLIENTS):
            peer = _best(products, results, clients, metric, best)
            theirs = results.cells[peer.name, clients]
            title = f"{name}, {clients} client(s)"
            rows.append([title, *_verdict(ours, theirs, metric, limit, best is max), peer.title])
    return [_ordered(row) for row in rows] + _floor(results, clients, ours)


def _ordered(row: list[object]) -> list[object]:
    title, reached, target, verdict, against = row
    return [title, reached, target, against, verdict]


def _best(
    products: Sequence[Endpoint],
    results: Results,
    clients: int,
    metric: Metric,
    best: Callable[..., Endpoint],
) -> Endpoint:
    return best(products, key=lambda each: _median(results.cells[each.name, clients], metric))


def _verdict(
    ours: Sequence[Cell], theirs: Sequence[Cell], metric: Metric, limit: float, more: bool
) -> list[object]:
    left, right = ([metric(cell) for cell in cells] for cells in (ours, theirs))
    rounds = min(len(left), len(right))
    return [
        ratios(left[:rounds], right[:rounds]),
        f"{'>=' if more else '<='} {limit:g}",
        _held(median([a / b for a, b in zip(left, right, strict=False)]), limit, more),
    ]


def _held(ratio: float, limit: float, more: bool) -> str:
    distance = limit / ratio if more else ratio / limit
    return "held" if distance <= 1 else f"missed by {distance - 1:.0%}"


def _floor(results: Results, clients: int, ours: Sequence[Cell]) -> list[list[object]]:
    constant = results.cells.get(("constant", clients))
    if not constant or not results.graph or clients != CPU_CLIENTS:
        return []
    rounds = zip(constant, results.graph, strict=True)
    floor = [cell.total_cpu + graph for cell, graph in rounds]
    each = [cell.total_cpu / value for cell, value in zip(ours, floor, strict=True)]
    shown = f"{median(each):.2f} ({min(each):.2f}-{max(each):.2f})"
    title, target = f"CPU per request, {clients} client(s)", f"<= {CPU_OF_FLOOR:g}"
    against = f"floor, {median(floor):.0f} us"
    return [[title, shown, target, against, _held(median(each), CPU_OF_FLOOR, more=False)]]
