"""The container of Codespaces: a valid description, and scripts that do what the Makefile does."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".devcontainer"
TYPES = {  # of the properties of devcontainer.json that are used (its schema is containers.dev's)
    "name": str,
    "image": str,
    "hostRequirements": dict,
    "containerEnv": dict,
    "onCreateCommand": str,
    "postAttachCommand": str,
    "forwardPorts": list,
    "portsAttributes": dict,
    "otherPortsAttributes": dict,
    "customizations": dict,
}
FORWARDING = ("notify", "openBrowser", "openBrowserOnce", "openPreview", "silent", "ignore")


@pytest.fixture(scope="module")
def container() -> dict:
    "What devcontainer.json says."
    return json.loads((FOLDER / "devcontainer.json").read_text(encoding="utf-8"))


def script(name: str) -> str:
    "A script of the container, a command a line, without comments."
    text = (FOLDER / name).read_text(encoding="utf-8").replace("\\\n", "")
    return re.sub(r"^#.*\n", "", text, flags=re.M)


def test_its_properties_are_those_of_the_schema(container):
    assert {name: type(value) for name, value in container.items()} == TYPES
    needs = container["hostRequirements"]
    assert needs.keys() <= {"cpus", "memory", "storage", "gpu"} and isinstance(needs["cpus"], int)
    assert all(re.fullmatch(r"\d+[tgmk]b", needs[name]) for name in ("memory", "storage"))
    assert all(isinstance(value, str) for value in container["containerEnv"].values())
    ports = container["portsAttributes"]
    assert [str(port) for port in container["forwardPorts"]] == list(ports)
    for attributes in [*ports.values(), container["otherPortsAttributes"]]:
        assert attributes.keys() <= {"label", "onAutoForward", "protocol", "requireLocalPort"}
        assert attributes["onAutoForward"] in FORWARDING


def test_its_python_is_one_that_is_tested(container):
    workflow = (ROOT / ".github" / "workflows" / "test_model.yml").read_text(encoding="utf-8")
    version = re.fullmatch(r"python:(3\.\d+)-bookworm", container["image"])[1]
    assert f'"{version}"' in workflow


def test_its_commands_are_scripts_that_a_shell_reads(container):
    for name in ("onCreateCommand", "postAttachCommand"):
        program, path = container[name].split()
        assert program == "sh" and (ROOT / path).parent == FOLDER
        if shutil.which("sh"):
            done = subprocess.run(["sh", "-n", ROOT / path], capture_output=True, encoding="utf-8")
            assert done.returncode == 0, done.stderr


def test_it_installs_what_make_installs():
    "So that `make lab` and `make test` find all of it there."
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    commands = script("install.sh")
    assert f'-e "{re.search("^ALL := (.+)$", makefile, re.M)[1]}"' in commands
    assert "-c constraints.txt" in commands
    for stamp in re.findall(r"^(?:READY|DEV) := (.+)$", makefile, re.M):
        assert stamp in commands
    linked = re.search(r"ln -sf (\S+) \.venv/etc/jupyter/", makefile)[1]
    assert linked in commands


def test_jupyterlab_listens_where_the_container_forwards(container):
    command = script("lab.sh")
    assert f"--port {container['forwardPorts'][0]} " in command
    pattern = re.search(r"allow_origin_pat='([^']+)'", command)[1]
    assert re.match(pattern, "https://name-8888.app.github.dev")
    for other in ("https://example.org/app.github.dev", "https://a.app.github.dev.example.org"):
        assert not re.match(pattern, other)
    assert "token" not in command and "password" not in command, "anyone could use the server"


def test_pytorch_comes_without_cuda(container):
    "uv takes the backend from the environment."
    assert container["containerEnv"]["UV_TORCH_BACKEND"] == "cpu"
    assert ".venv/bin/uv pip install" in script("install.sh")
