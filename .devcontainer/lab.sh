# Starts JupyterLab at the first page; the address that it prints opens it in the browser.
# A page of Codespaces comes from a host of its own, which the server has to be told; the token stays.
exec .venv/bin/jupyter lab --allow-root --no-browser --port 8888 \
  --ServerApp.allow_origin_pat='https://[a-z0-9-]+\.app\.github\.dev$' \
  --LabApp.default_url=/lab/tree/nbs/index.ipynb
