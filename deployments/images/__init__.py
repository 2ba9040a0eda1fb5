"""The container images of the roles: what is in each (Dockerfile), built with docker or buildah."""
