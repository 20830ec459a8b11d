"What pip installs, read from settings.ini."

from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup

config = ConfigParser(delimiters=["="])
config.read("settings.ini", encoding="utf-8")
settings = config["DEFAULT"]

setup(
    name=settings["lib_name"],
    version=settings["version"],
    description=settings["description"],
    long_description=Path("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author=settings["author"],
    author_email=settings["author_email"],
    url=settings["git_url"],
    license=settings["license"].upper(),
    keywords=settings["keywords"].split(),
    classifiers=[
        f"Intended Audience :: {settings['audience']}",
        f"Natural Language :: {settings['language']}",
        f"Programming Language :: Python :: {settings['min_python']}",
    ],
    python_requires=f">={settings['min_python']}",
    packages=find_packages(include=["s6erav3", "s6erav3.*"]),
    # An editable installation then puts the clone on Python's path. Otherwise it would be an import
    # hook, which comes too late in the folder above a clone: `import s6erav3` would find the clone,
    # a folder of that name, as an empty package.
    package_dir={"": "."},
    package_data={
        "s6erav3": [
            "weights/*",
            "pictures/*.[cj]s*",
            "pictures/*.safetensors",
            "evaluation/votes/*",
        ]
    },
    install_requires=settings["requirements"].split(),
    extras_require={
        extra: settings[f"{extra}_requirements"].split()
        for extra in ("dev", "cluster", "draw", "export", "browser", "docs")
    },
    entry_points={
        "console_scripts": settings["console_scripts"].split(),
        "nbdev": [f"{settings['lib_name']}={settings['lib_path']}._modidx:d"],
    },
)
