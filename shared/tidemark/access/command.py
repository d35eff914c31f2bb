"""The command `tidemark-keys`: creates, lists and revokes API keys, with the user's AWS credentials.

The keys table is named by `--table`, else by TIDEMARK_KEYS_TABLE, else by an output of the CloudFormation stack
(`--stack`, by default `Tidemark`). The region is AWS_REGION, else AWS_DEFAULT_REGION, else the AWS profile's region. A
deployment determines its region in the same order.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence

import boto3
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError
from pydantic import ValidationError

from tidemark.access.api_keys import create_key, list_keys, revoke_key
from tidemark.access.key_records import KeysTable
from tidemark.domain.api_keys import ApiKey, Role
from tidemark.domain.errors import TidemarkError

DEFAULT_STACK = "Tidemark"
TABLE_OUTPUT = "KeysTableName"
"""Name of the stack output whose value is the name of the keys table."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit status: 0 for success, 1 for an error. Wrong usage exits with status 2."""
    options = _parser().parse_args(arguments)
    try:
        # boto3 reads only AWS_DEFAULT_REGION on its own.
        session = boto3.Session(region_name=os.environ.get("AWS_REGION") or None)
        table = KeysTable(session.client("dynamodb"), _table_name(session, options))
        options.run(table, options)
    except TidemarkError as error:
        return _print_error(error.message)
    except ValidationError as error:
        return _print_error("; ".join(f"{_option(e['loc'])}: {e['msg']}" for e in error.errors()))
    except NoRegionError:
        return _print_error("No AWS region is set; set AWS_REGION to the region of the stack.")
    except (BotoCoreError, ClientError) as error:
        return _print_error(str(error))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tidemark-keys", description="Create, list and revoke API keys.")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--table", help="name of the keys table")
    common.add_argument("--stack", default=DEFAULT_STACK, help="stack whose output names the table (%(default)s)")
    common.add_argument("--json", action="store_true", help="print JSON, for scripts")
    commands = parser.add_subparsers(required=True, metavar="create | list | revoke")

    create = commands.add_parser("create", parents=[common], help="create a key; its token is printed once")
    create.add_argument("name", help="at most 64 letters, digits, _ and -; a name can be used only once")
    create.add_argument("--role", type=Role, choices=list(Role), required=True)
    scope = create.add_mutually_exclusive_group(required=True)
    scope.add_argument(
        "--project", action="append", dest="projects", metavar="NAME", help="a project of the key; may be repeated"
    )
    scope.add_argument("--all-projects", action="store_const", const=None, dest="projects")
    create.set_defaults(run=_create)

    listing = commands.add_parser("list", parents=[common], help="list all keys, without their secrets")
    listing.set_defaults(run=_list)

    revoke = commands.add_parser("revoke", parents=[common], help="revoke a key; takes effect within a minute")
    revoke.add_argument("name")
    revoke.set_defaults(run=_revoke)
    return parser


def _table_name(session: boto3.Session, options: argparse.Namespace) -> str:
    given: str | None = options.table or os.environ.get("TIDEMARK_KEYS_TABLE")
    if given:
        return given
    stacks = session.client("cloudformation").describe_stacks(StackName=options.stack)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stacks[0].get("Outputs", [])}
    if TABLE_OUTPUT not in outputs:
        raise TidemarkError(f"The stack {options.stack!r} has no output {TABLE_OUTPUT}; give --table.")
    return outputs[TABLE_OUTPUT]


def _create(table: KeysTable, options: argparse.Namespace) -> None:
    key, token = create_key(table, name=options.name, role=options.role, projects=options.projects)
    if options.json:
        _print(json.dumps(_without_digest(key) | {"token": str(token)}))
    else:
        _print(str(token))
        print("This token is shown only once; store it in a safe place.", file=sys.stderr)


def _list(table: KeysTable, options: argparse.Namespace) -> None:
    keys = list_keys(table)
    if options.json:
        _print(json.dumps([_without_digest(key) for key in keys]))
        return
    for key in keys:
        projects = "all projects" if key.projects is None else ", ".join(key.projects)
        state = f"revoked {key.revoked_at:%Y-%m-%d %H:%M}" if key.revoked_at else "active"
        _print(f"{key.name}  {key.role}  {projects}  created {key.created_at:%Y-%m-%d %H:%M}  {state}")


def _revoke(table: KeysTable, options: argparse.Namespace) -> None:
    key = revoke_key(table, options.name)
    _print(
        json.dumps(_without_digest(key))
        if options.json
        else f"{key.name} is revoked; it stops working within a minute."
    )


def _without_digest(key: ApiKey) -> dict[str, object]:
    return key.model_dump(mode="json", exclude={"digest"})


def _option(location: tuple[int | str, ...]) -> str:
    return str(location[0]) if location else "key"


def _print(line: str) -> None:
    print(line)


def _print_error(message: str) -> int:
    print(f"tidemark-keys: {message}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
