"""The network of the platform as a container finds it: Python reads this first. An address that is fixed in the code of
what fetches secrets leads to the stand-in, and the container's account has a token.
"""

import os
import sys

FETCHES_SECRETS = ["-m", "workload.container"]
GOOGLES = "https://secretmanager.googleapis.com/v1"

if sys.orig_argv[1:3] == FETCHES_SECRETS:
    import google.auth
    from google.oauth2.credentials import Credentials
    from requests.adapters import HTTPAdapter

    from tests.secret_manager import TOKEN

    send = HTTPAdapter.send

    def send_to_the_stand_in(self, request, *arguments, **options):
        request.url = request.url.replace(GOOGLES, os.environ["SECRET_MANAGER"])
        return send(self, request, *arguments, **options)

    HTTPAdapter.send = send_to_the_stand_in
    google.auth.default = lambda **_: (Credentials(TOKEN), None)
