"""Lambda stops a function that messages of its own keep calling. Intake alone does that, on purpose, and is allowed to.

The graph has an edge wherever the template lets a message or a call pass from a resource to another.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import pairwise

import pytest

from tests.infra.template import Template, as_list, as_text, without_hash

Graph = Mapping[str, set[str]]

DROP_FOLDER = "drop/"


def _functions_by_role(template: Template) -> dict[str, str]:
    return {
        each["Properties"]["Role"]["Fn::GetAtt"][0]: without_hash(name)
        for name, each in template.of_type("Lambda::Function").items()
    }


def _machines_by_role(template: Template) -> dict[str, str]:
    return {
        each["Properties"]["RoleArn"]["Fn::GetAtt"][0]: without_hash(name)
        for name, each in template.of_type("StepFunctions::StateMachine").items()
    }


def _allowed(template: Template, role: str, action: str) -> Iterator[str]:
    for statement in template.statements(role):
        if action in as_list(statement["Action"]):
            yield from (as_text(resource) for resource in as_list(statement["Resource"]))


def _message_edges(template: Template) -> Iterator[tuple[str, str]]:
    """Yields where messages pass by the services that Lambda follows, SQS and S3, and by EventBridge's rules."""
    for mapping in template.of_type("Lambda::EventSourceMapping").values():
        properties = mapping["Properties"]
        yield as_text(properties["EventSourceArn"]), as_text(properties["FunctionName"])
    for name, queue in template.of_type("SQS::Queue").items():
        if "RedrivePolicy" in queue["Properties"]:
            yield without_hash(name), as_text(queue["Properties"]["RedrivePolicy"]["deadLetterTargetArn"])
    yield from _sent_by_functions(template)
    yield from _sent_by_rules(template)


def _sent_by_functions(template: Template) -> Iterator[tuple[str, str]]:
    for role, function in _functions_by_role(template).items():
        yield from ((function, queue) for queue in _allowed(template, role, "sqs:SendMessage"))
        yield from ((function, called) for called in _allowed(template, role, "lambda:InvokeFunction"))
        if f"DataBucket/{DROP_FOLDER}*" in _allowed(template, role, "s3:PutObject"):
            yield function, "aws.s3"
        if list(_allowed(template, role, "events:PutEvents")):
            yield function, "tidemark"


def _sent_by_rules(template: Template) -> Iterator[tuple[str, str]]:
    """Yields the edges of each rule: from the sources of its events, and to its target and its dead letter queue."""
    for name, rule in template.of_type("Events::Rule").items():
        properties = rule["Properties"]
        yield from ((source, without_hash(name)) for source in properties.get("EventPattern", {}).get("source", []))
        for target in properties["Targets"]:
            yield without_hash(name), as_text(target["Arn"])
            yield without_hash(name), as_text(target["DeadLetterConfig"]["Arn"])


def _workflow_edges(template: Template) -> Iterator[tuple[str, str]]:
    for role, function in _functions_by_role(template).items():
        yield from ((function, machine) for machine in _allowed(template, role, "states:StartExecution"))
    for role, machine in _machines_by_role(template).items():
        yield from ((machine, function) for function in _allowed(template, role, "lambda:InvokeFunction"))


def _graph(*edges: Iterator[tuple[str, str]]) -> Graph:
    graph = defaultdict(set)
    for some in edges:
        for source, target in some:
            graph[source].add(target)
    return graph


def _reachable(graph: Graph, start: str) -> set[str]:
    found: set[str] = set()
    ahead = [*graph.get(start, ())]
    while ahead:
        node = ahead.pop()
        if node not in found:
            found.add(node)
            ahead += graph.get(node, ())
    return found


def _in_loops(graph: Graph) -> set[str]:
    return {node for node in graph if node in _reachable(graph, node)}


def test_the_graph_follows_a_row_to_its_version(template: Template) -> None:
    way = ["FunctionsApi", "IngestWindows", "FunctionsApply", "IngestSettled", "FunctionsPublish", "IngestSettledDead"]
    graph = _graph(_message_edges(template))
    assert all(after in graph[before] for before, after in pairwise(way))


def test_the_graph_follows_a_dropped_file_to_intake(template: Template) -> None:
    graph = _graph(_message_edges(template))
    assert {"IngestFiles", "FunctionsIntake", "IngestFilesDead"} <= _reachable(graph, "aws.s3")


def test_the_graph_follows_a_lost_window_to_its_version(template: Template) -> None:
    graph = _graph(_message_edges(template))
    assert {"FunctionsDeadLetter", "FunctionsPublish"} <= _reachable(graph, "IngestWindowsDead")


def test_only_intake_and_its_queue_are_in_a_loop(template: Template) -> None:
    assert _in_loops(_graph(_message_edges(template))) == {"FunctionsIntake", "IngestFiles"}


def test_with_workflows_only_a_transfer_comes_back_to_intake(template: Template) -> None:
    """Lambda does not follow Step Functions. A transfer has intake send its windows, and intake starts stalled ones."""
    assert _in_loops(_graph(_message_edges(template), _workflow_edges(template))) == {
        "FunctionsIntake",
        "IngestFiles",
        "WorkflowsTransferMachine",
        "FunctionsTransfer",
    }


@pytest.mark.parametrize("kind", ["SNS::Topic", "DynamoDB::GlobalTable", "Kinesis::Stream", "Pipes::Pipe"])
def test_nothing_else_carries_messages(template: Template, kind: str) -> None:
    assert not template.of_type(kind)


def test_only_queues_call_functions(template: Template) -> None:
    mappings = template.of_type("Lambda::EventSourceMapping").values()
    queues = {without_hash(name) for name in template.of_type("SQS::Queue")}
    assert {as_text(each["Properties"]["EventSourceArn"]) for each in mappings} <= queues


def test_only_intake_may_loop(template: Template) -> None:
    allowed = {
        without_hash(name): each["Properties"]["RecursiveLoop"]
        for name, each in template.of_type("Lambda::Function").items()
        if "RecursiveLoop" in each["Properties"]
    }
    assert allowed == {"FunctionsIntake": "Allow"}


def test_only_files_of_the_drop_folder_call_intake(template: Template) -> None:
    rules = [each["Properties"].get("EventPattern", {}) for each in template.of_type("Events::Rule").values()]
    (pattern,) = [each for each in rules if each.get("source") == ["aws.s3"]]
    assert pattern["detail"]["object"]["key"] == [{"prefix": DROP_FOLDER}]
