"""boto3, with vended credentials, at the STS of `sentinel dev`."""

from __future__ import annotations

from typing import Optional

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from dev import Dev


def sts(dev: Dev, vended: dict, path: str = "/sts", token: Optional[str] = "its own") -> "boto3.client":
    return boto3.client(
        "sts",
        region_name="us-east-1",
        endpoint_url=dev.url + path,
        aws_access_key_id=vended["AccessKeyId"],
        aws_secret_access_key=vended["SecretAccessKey"],
        aws_session_token=vended["Token"] if token == "its own" else token,
        config=Config(retries={"max_attempts": 0}),
    )


@pytest.fixture
def vended(dev: Dev) -> dict:
    answer = dev.vend("alice", "production")
    assert answer.status == 200, answer
    return answer.json()


@pytest.mark.parametrize("path", ["/sts", "/sts/"])
def test_vended_credentials_are_the_protected_role(dev: Dev, vended: dict, path: str) -> None:
    identity = sts(dev, vended, path).get_caller_identity()
    assert identity["Account"] == "111122223333"
    front = "arn:aws:sts::111122223333:assumed-role/SentinelProtected-production/sentinel-alice-"
    assert identity["Arn"].startswith(front)
    assert identity["UserId"].endswith(identity["Arn"].rsplit("/", 1)[-1])


def test_the_session_name_is_what_was_recorded(dev: Dev, vended: dict) -> None:
    name = sts(dev, vended).get_caller_identity()["Arn"].rsplit("/", 1)[-1]
    (record,) = [each for each in dev.vended() if each["access_key_id"] == vended["AccessKeyId"]]
    assert record["source_identity"] == name


@pytest.mark.parametrize(
    "change",
    [
        {"SecretAccessKey": "wrong"},
        {"AccessKeyId": "ASIAIOSFODNN7EXAMPLE"},
        {"Token": "FwoGZXIvYXdzEXAMPLE"},
    ],
    ids=["secret", "key id", "token"],
)
def test_changed_credentials_have_no_identity(dev: Dev, vended: dict, change: dict) -> None:
    with pytest.raises(ClientError) as refused:
        sts(dev, {**vended, **change}).get_caller_identity()
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_credentials_without_their_token_have_no_identity(dev: Dev, vended: dict) -> None:
    with pytest.raises(ClientError) as refused:
        sts(dev, vended, token=None).get_caller_identity()
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_another_action_is_refused_as_sts_refuses_it(dev: Dev, vended: dict) -> None:
    with pytest.raises(ClientError) as refused:
        sts(dev, vended).get_session_token()
    assert refused.value.response["Error"]["Code"]
    assert 400 <= refused.value.response["ResponseMetadata"]["HTTPStatusCode"] < 500
