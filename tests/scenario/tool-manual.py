# SPDX-License-Identifier: MIT
# tool-manual.py — the tool's table of commands and its manual say the same, in both directions.
# May touch: reads doc/man/runnel.1, runs the tool for its help.
import json
import os
import re
import subprocess
import sys

SRC, BUILD = os.environ["RUNNEL_SRC"], os.environ["RUNNEL_BUILD"]
TOOL = os.path.join(BUILD, "runnel")


def tool(*args):
    return subprocess.run([TOOL, *args], capture_output=True, text=True, timeout=60)


def options_of_table(options):
    return {(o["name"], o.get("argument", "")) for o in options}


def from_table():
    table = json.loads(tool("help", "--json").stdout)
    commands = {c["name"]: (c["synopsis"], options_of_table(c["options"])) for c in table["commands"]}
    return commands, options_of_table(table["options"])


def option_of_line(line):
    m = re.match(r"\.It Fl Fl ([a-z-]+)(?: Ar (\S+))?(?: , Fl \w(?: Ar \S+)?)?$", line)
    return (m.group(1), m.group(2) or "") if m else None


def from_manual(text):
    """Walks the lists of DESCRIPTION (general options) and COMMANDS."""
    commands, general, section, command = {}, set(), "", None
    for line in text.splitlines():
        if line.startswith(".Sh "):
            section, command = line[4:], None
        m = re.match(r"\.It Cm (\S+)(.*)$", line)
        if section == "COMMANDS" and m:
            words = m.group(2).strip()
            words = re.sub(r"^Op Ar (\S+)$", r"[\1]", words)
            command = m.group(1)
            commands[command] = (re.sub(r"^Ar ", "", words), set())
        option = option_of_line(line)
        if option and section == "COMMANDS":
            commands[command][1].add(option)
        elif option and section == "DESCRIPTION":
            general.add(option)
    return commands, general


def exits_of_manual(text):
    part = text.split(".Sh EXIT STATUS")[1].split(".Sh")[0]
    return {int(n) for n in re.findall(r"^\.It (\d)$", part, re.M)}


def exits_of_source():
    with open(os.path.join(SRC, "tool/tool.h"), encoding="utf-8") as f:
        return {int(n) for n in re.findall(r"RN_EXIT_\w+ = (\d)", f.read())}


results = []


def check(name, wrong):
    results.append(not wrong)
    print("%sok %d - %s" % ("not " if wrong else "", len(results), name))
    for w in wrong or []:
        print("# %s" % w)


with open(os.path.join(SRC, "doc/man/runnel.1"), encoding="utf-8") as f:
    manual = f.read()
commands, general = from_table()
m_commands, m_general = from_manual(manual)

check("the table was read", [] if len(commands) > 10 and general else ["it has %d commands" % len(commands)])
check("every command is in the manual", sorted(set(commands) - set(m_commands)))
check("the manual has no command that is not there", sorted(set(m_commands) - set(commands)))
both = sorted(set(commands) & set(m_commands))
check("the words behind a command are the same",
      ["%s: table %r, manual %r" % (c, commands[c][0], m_commands[c][0]) for c in both
       if commands[c][0] != m_commands[c][0]])
check("every option of a command is in the manual, with its argument",
      ["%s: %s" % (c, sorted(commands[c][1] - m_commands[c][1])) for c in both if commands[c][1] - m_commands[c][1]])
check("the manual has no option that is not there",
      ["%s: %s" % (c, sorted(m_commands[c][1] - commands[c][1])) for c in both if m_commands[c][1] - commands[c][1]])
check("the options for all commands are the same", sorted(general ^ m_general))
check("the manual and the source have the same exit codes",
      sorted(exits_of_source() ^ exits_of_manual(manual)))

# Help for people comes from the same table.
text = tool("help")
check("help exits with 0 and names every command",
      [c for c in commands if "  %s " % c not in text.stdout] + ([] if text.returncode == 0 else ["exit"]))
wrong = []
for c in sorted(commands):
    for how in (["help", c], [c, "--help"], ["--help", c]):
        r = tool(*how)
        if r.returncode != 0 or not all("--" + o in r.stdout for o, _ in commands[c][1]):
            wrong.append(" ".join(how))
check("help of every command names its options", wrong)

# This test finds what it is for.
planted = manual.replace(".It Fl Fl cadence Ar DURATION", ".It Fl Fl cadenza Ar DURATION").replace(".It Cm peers", ".It Cm pears")
p_commands, _ = from_manual(planted)
check("a command and an option that differ are found",
      [] if "pears" in p_commands and "peers" not in p_commands and ("cadenza", "DURATION") in p_commands["create"][1]
      else ["not found"])
print("1..%d" % len(results))
sys.exit(0)
