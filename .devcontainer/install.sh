# Makes .venv with everything that `make lab` needs, and fetches MNIST.
# uv knows where PyTorch for processors only is: $UV_TORCH_BACKEND, which devcontainer.json sets.
set -e
python -m venv .venv
.venv/bin/python -m pip install -q uv
.venv/bin/uv pip install --python .venv/bin/python -c constraints.txt -e ".[dev,docs]"
mkdir -p .venv/etc/jupyter
ln -sf ../../../jupyter_server_config.py .venv/etc/jupyter/
touch .venv/.ready .venv/.ready-dev
.venv/bin/s6erav3 download || echo "MNIST cannot be fetched now; scikit-learn's digits are used."
