"""Issues tokens of the VM's identity, as the metadata service does."""

import base64
import json
import urllib.parse

IDENTITY = "/etc/averazure/identity.json"
DAY = 24 * 60 * 60


def token(path, now):
    """Returns a token of the VM's identity, if it has one. Nothing in the sandbox checks
    its signature, so everybody who reaches this service can act as the VM.
    https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
    """
    url = urllib.parse.urlsplit(path)
    asked = urllib.parse.parse_qs(url.query)
    if url.path != "/metadata/identity/oauth2/token" or "resource" not in asked or "api-version" not in asked:
        return 400, {"error": "invalid_request", "error_description": "Required query variable 'resource' or 'api-version' is missing"}
    try:
        with open(IDENTITY) as file:
            own = json.load(file)
    except OSError:
        own = {}
    if not own.get("principal") or {"client_id", "object_id", "msi_res_id"} & asked.keys():
        return 400, {"error": "invalid_request", "error_description": "Identity not found"}
    resource, begin, end = asked["resource"][0], int(now) - 300, int(now) + DAY
    claims = {"aud": resource, "iss": f"https://sts.windows.net/{own['tenant']}/", "iat": begin, "nbf": begin, "exp": end,
              "oid": own["principal"], "sub": own["principal"], "tid": own["tenant"], "idtyp": "app"}
    parts = [{"typ": "JWT", "alg": "none"}, claims, "sandbox"]
    text = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return 200, {"access_token": text, "client_id": own["principal"], "expires_in": str(DAY), "expires_on": str(end),
                 "ext_expires_in": str(DAY), "not_before": str(begin), "resource": resource, "token_type": "Bearer"}
