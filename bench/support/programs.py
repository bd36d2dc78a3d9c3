"""Running the programs under measurement."""
import subprocess


def run(*command):
    """Standard output of a command that must succeed; its words may be anything that prints."""
    words = [str(part) for part in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(words)}: exit status {done.returncode}\n{done.stderr}")
    return done.stdout
