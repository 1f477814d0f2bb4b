"""Manifests from standard input against the schemas of Kubernetes, those in schemas/ for other kinds, and the rules of restricted pods.

Each mistake is a line: object, path, message. Exit code 1 if there is one, or if there is nothing to check. With --arguments the command lines of
containers of Watchfire are printed instead, a JSON list for each.
"""

import argparse
import functools
import json
import pathlib
import sys

import jsonschema
import kubernetes_validate
import referencing
import yaml

# The oldest that the chart says it needs, and the newest there is a schema for.
VERSIONS = ["1.25.0", kubernetes_validate.latest_version()]
OWN_SCHEMAS = pathlib.Path(__file__).with_name("schemas")
KUBERNETES_SCHEMAS = pathlib.Path(kubernetes_validate.__file__).with_name("kubernetes-json-schema")


class UniqueKeys(yaml.SafeLoader):
    """PyYAML takes the last of two equal keys, an API server refuses them."""


def mapping(loader, node, deep=False):
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    for key in keys:
        if keys.count(key) > 1:
            raise yaml.constructor.ConstructorError(None, None, f"key {key} is there twice", node.start_mark)
    return yaml.SafeLoader.construct_mapping(loader, node, deep)


UniqueKeys.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--arguments", action="store_true", help="print command lines instead of checking")
    options.add_argument("--crd", action="append", default=[], help="a CustomResourceDefinition whose schema counts as well")
    options = options.parse_args()
    objects = [found for found in yaml.load_all(sys.stdin, Loader=UniqueKeys) if found]
    if options.arguments:
        for found in objects:
            for container in containers(found):
                if container["name"] == "watchfire":
                    print(json.dumps(container["args"]))
        return
    crds = [yaml.safe_load(pathlib.Path(path).read_text()) for path in options.crd]
    mistakes = [f"{name(found)}: {mistake}" for found in objects for mistake in check(found, crds)]
    mistakes += twice(objects)
    print("\n".join(mistakes + [f"{len(objects)} objects, {len(mistakes)} mistakes"]))
    sys.exit(1 if mistakes or not objects else 0)


def name(found):
    metadata = found.get("metadata") or {}
    return f"{found.get('kind')} {metadata.get('namespace', '')}/{metadata.get('name')}"


def check(found, crds):
    own = [crd_schema(crd, found) for crd in crds] + [own_schema(found)]
    schemas = [schema for schema in own if schema]
    for schema in schemas:
        for mistake in jsonschema.Draft7Validator(schema).iter_errors(found):
            yield f"{'.'.join(map(str, mistake.path))}: {mistake.message}"
    if not schemas:
        for version in VERSIONS:
            validator = kubernetes_validator(version, found.get("apiVersion", ""), found.get("kind", ""))
            if validator is None:
                yield f"Kubernetes {version} has no such kind in {found.get('apiVersion')}"
                continue
            for mistake in validator.iter_errors(found):
                yield f"{'.'.join(map(str, mistake.path))}: {mistake.message} (Kubernetes {version})"
    yield from pods(found)


@functools.cache
def kubernetes_validator(version, api_version, kind):
    """The strict schemas, in which fields that nobody knows are mistakes. None for a kind that is not Kubernetes' own."""
    folder = KUBERNETES_SCHEMAS / f"v{version}-local-strict"
    group, _, of_group = api_version.rpartition("/")
    path = folder / f"{kind.lower()}-{'-'.join(filter(None, [group.split('.')[0], of_group]))}.json"
    if not path.is_file():
        return None
    return jsonschema.Draft202012Validator(json.loads(path.read_text()), registry=kubernetes_definitions(folder))


@functools.cache
def kubernetes_definitions(folder):
    definitions = referencing.Resource.from_contents(json.loads((folder / "_definitions.json").read_text()))
    return definitions @ referencing.Registry()


def own_schema(found):
    path = OWN_SCHEMAS / f"{found.get('apiVersion', '').replace('/', '_')}_{found.get('kind')}.json"
    return json.loads(path.read_text()) if path.is_file() else None


def crd_schema(crd, found):
    spec = crd["spec"]
    for version in spec["versions"]:
        if found["apiVersion"] == f"{spec['group']}/{version['name']}" and found["kind"] == spec["names"]["kind"]:
            return version["schema"]["openAPIV3Schema"]
    return None


def twice(objects):
    """An object that is there twice: the second one wins, silently."""
    seen = set()
    for found in objects:
        key = (found["apiVersion"], name(found))
        if key in seen:
            yield f"{name(found)}: there twice"
        seen.add(key)


def containers(found):
    spec = pod_spec(found)
    return (spec.get("initContainers") or []) + spec["containers"] if spec else []


def pod_spec(found):
    return ((found.get("spec") or {}).get("template") or {}).get("spec")


def pods(found):
    """The rules of the "restricted" Pod Security Standard, and our own: a read-only root, probes, a token only where it is used."""
    spec = pod_spec(found)
    if spec is None:
        return
    security = spec.get("securityContext") or {}
    if security.get("runAsNonRoot") is not True or security.get("runAsUser") == 0:
        yield "spec.template.spec.securityContext: must not run as root"
    if (security.get("seccompProfile") or {}).get("type") != "RuntimeDefault":
        yield "spec.template.spec.securityContext.seccompProfile: must be RuntimeDefault"
    if "automountServiceAccountToken" not in spec:
        yield "spec.template.spec.automountServiceAccountToken: must be said"
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(key):
            yield f"spec.template.spec.{key}: must not be set"
    for container in containers(found):
        where = f"container {container['name']}"
        own = container.get("securityContext") or {}
        if own.get("allowPrivilegeEscalation") is not False or own.get("privileged"):
            yield f"{where}: may gain privileges"
        if own.get("readOnlyRootFilesystem") is not True:
            yield f"{where}: its root can be written"
        if (own.get("capabilities") or {}).get("drop") != ["ALL"] or (own.get("capabilities") or {}).get("add"):
            yield f"{where}: keeps capabilities"
        mounts = {mount["name"] for mount in container.get("volumeMounts") or []}
        claims = {claim["metadata"]["name"] for claim in found["spec"].get("volumeClaimTemplates") or []}
        for mount in mounts - claims - {volume["name"] for volume in spec.get("volumes") or []}:
            yield f"{where}: mounts {mount}, which is no volume"
        if container["name"] == "watchfire":
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                if probe not in container:
                    yield f"{where}: has no {probe}"


if __name__ == "__main__":
    main()
