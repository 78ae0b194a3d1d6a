/* SPDX-License-Identifier: MIT
 * commands.c — the one table of commands: parsing, help and the test of the manual read it.
 * May touch: nothing.
 */
#include "tool/tool.h"

#define POINT "TIME|#SEQ"
#define FROM                                                                                                           \
    { "from", POINT, "begin here [the start]" }
#define UNTIL                                                                                                          \
    { "until", POINT, "end before this [the end]" }
#define LAST                                                                                                           \
    { "last", "N", "only the last N observations" }
#define FORMAT                                                                                                         \
    { "format", "csv|ndjson|table", "how to write them [table]" }

const struct rn_tool_option rn_general_options[] = {
    {"node", "ADDRESS",
     "the node: unix:///PATH or tcp://127.0.0.1:PORT [$RUNNEL_NODE or unix:///run/runnel/runnel.sock]"},
    {"json", NULL, "write JSON, for programs"},
    {"verbose", NULL, "say more on standard error"},
    {"help", NULL, "tell about the tool or a command"},
    {"version", NULL, "print the version"},
    {NULL, NULL, NULL}};

/* clang-format off */
const struct rn_command rn_commands[] = {
    {"status", "", "what the node is and does", "Shows the node's id, its agent, how long it has run and how much it keeps and serves.",
     0, 0, rn_cmd_status, {{NULL, NULL, NULL}}},
    {"create", "", "make a stream of this node",
     "Makes a stream whose author is the node. What it is called and what it is about cannot be changed later. Making the same stream "
     "again is success.",
     0, 0, rn_cmd_create,
     {{"source", "NAME", "where the values come from, say a site or an organisation; needed"},
      {"stream", "NAME", "what they are; needed"},
      {"target", "NAME", "what they are about, where one source has several"},
      {"unit", "TEXT", "unit of the values"},
      {"cadence", "DURATION", "how far apart observations usually are, such as 10s or 1d"},
      {"description", "TEXT", "a sentence about it"},
      {NULL, NULL, NULL}}},
    {"streams", "", "list the streams that the node knows", "Lists the streams with their state and how many observations of each are held here.",
     0, 0, rn_cmd_streams, {{NULL, NULL, NULL}}},
    {"publish", "STREAM VALUE...|-", "append observations",
     "Appends values to a stream of this node, all or none, and waits until they are on disk. A value is any JSON: 21.5, true, "
     "'\"text\"', '{\"a\":1}'. With - reads lines from standard input, each a value or TIME,VALUE, and publishes them as they come.",
     2, -1, rn_cmd_publish,
     {{"time", "TIME", "when they were observed [now]"},
      {"seq", "N", "append only if the stream has N observations; the same ones there already is success"},
      {NULL, NULL, NULL}}},
    {"import", "STREAM FILE|-", "append a CSV file",
     "Appends two columns of a CSV file (RFC 4180, its first record names the columns) to a stream of this node. What history --format csv writes needs "
     "no options. The whole file is checked first: when rows are refused, they are listed and nothing is published. Running it again, also after it was "
     "cut off, adds nothing twice: what the stream holds is compared and the rest appended. Rows with an empty value are left out. Numbers are kept as they are written.",
     2, 2, rn_cmd_import,
     {{"time", "COLUMN", "name or number of the column of times (RFC 3339 or dates) [time]"},
      {"value", "COLUMN", "name or number of the column of values [value]"},
      {"epoch", "s|ms|us|ns", "times are whole numbers since 1970 in this unit"},
      {"strings", NULL, "take cells that are no JSON as strings"},
      {"skip-refused", NULL, "leave refused rows out and import the rest"},
      {"no-header", NULL, "the first record is data; columns are numbers [1 and 2]"},
      {"seq", "N", "the first row is observation N [found by its time]"},
      {NULL, NULL, NULL}}},
    {"history", "STREAM", "write out what is held of a stream", "Writes the observations that the node holds. csv has a line \"time,value\" first, times in RFC 3339 and values as the JSON they are.",
     1, 1, rn_cmd_history, {FROM, UNTIL, LAST, FORMAT, {NULL, NULL, NULL}}},
    {"plot", "STREAM", "draw numbers as a small plot", "Draws the numbers of a stream over time. A column of dots reaches from the least to the greatest value in its time.",
     1, 1, rn_cmd_plot,
     {FROM, UNTIL, LAST,
      {"width", "N", "columns [the terminal's, or 80]"},
      {"height", "N", "rows of the drawing [12]"},
      {"ascii", NULL, "no characters but ASCII"},
      {NULL, NULL, NULL}}},
    {"at", "STREAM TIME", "the observation that held at a time", "Shows the last observation that is not after the time.",
     2, 2, rn_cmd_at, {{NULL, NULL, NULL}}},
    {"follow", "STREAM", "write out observations as they are made", "Writes observations until it is interrupted.",
     1, 1, rn_cmd_follow, {{"from", POINT, "begin here [now]"}, LAST, FORMAT, {NULL, NULL, NULL}}},
    {"subscribe", "STREAM", "have the node follow a stream", "The node fetches, verifies and serves the stream from now on, also after a restart. A stream that is not known here is named by its id or as AUTHOR/source/stream/target.",
     1, 1, rn_cmd_subscribe, {{NULL, NULL, NULL}}},
    {"unsubscribe", "STREAM", "have the node follow a stream no longer", "What was fetched is kept.",
     1, 1, rn_cmd_unsubscribe, {{NULL, NULL, NULL}}},
    {"backup", "DIR", "copy all that the node holds",
     "Writes a copy of all streams, subscriptions and notes as they are at one moment, and of the node's identity, into a new or empty folder. "
     "The node goes on meanwhile.",
     1, 1, rn_cmd_backup, {{"no-identity", NULL, "leave the node's secret key out"}, {NULL, NULL, NULL}}},
    {"restore", "DIR", "bring a backup back",
     "Gives a backup to a node of the same identity that holds nothing, and verifies all of it. Before the node appends to its own streams it "
     "then asks its peers for what was published after the backup.",
     1, 1, rn_cmd_restore,
     {{"replace", NULL, "erase what the node holds first"}, {"yes", NULL, "with --replace: do not ask"}, {NULL, NULL, NULL}}},
    {"drop", "STREAM", "have the node forget a stream",
     "Erases all that the node holds of a stream, and ends its subscription. A stream of the node itself cannot be made again after that. "
     "Asks first.",
     1, 1, rn_cmd_drop, {{"yes", NULL, "do not ask"}, {NULL, NULL, NULL}}},
    {"head", "STREAM", "show a stream and its signed head", "Shows what the stream is, how much of it is held, and the newest head that its author signed and that is held whole.",
     1, 1, rn_cmd_head, {{NULL, NULL, NULL}}},
    {"verify", "[STREAM]", "check all that is held of a stream", "The node reads every block from disk and checks it against the signed head, and every hash of its tree. Without a stream all are checked. "
     "What is damaged is named with what to do, and fetched again from a peer where one has it. Exits with 5 when something is damaged.",
     0, 1, rn_cmd_verify, {{NULL, NULL, NULL}}},
    {"fsck", "", "check the whole store", "Checks every record of the node's store, and every stream as verify does. Exits with 5 when something is damaged.",
     0, 0, rn_cmd_fsck, {{"mend", NULL, "write anew what memory knows, take away what is no use"}, {NULL, NULL, NULL}}},
    {"identity", "[show|confirm]", "whether the node may append to its streams",
     "Shows the node's id and whether it goes on as the author of its streams; where it does not, why, and what to do. confirm is an operator's word "
     "that no other process uses this identity and that nothing newer was published with it.",
     0, 1, rn_cmd_identity, {{NULL, NULL, NULL}}},
    {"peers", "", "list the node's sessions with other nodes", "Lists who is connected, since when, and how much was received and sent.",
     0, 0, rn_cmd_peers, {{NULL, NULL, NULL}}},
    {"plugins", "", "list the node's plugins and their instances", "Lists the plugins that are loaded, and the instances that the configuration makes of them.",
     0, 0, rn_cmd_plugins, {{NULL, NULL, NULL}}},
    {"reload", "", "have the node read its configuration again",
     "The node checks its configuration as runneld -t does and takes it over while it runs, all of it or nothing. Writes what has changed. "
     "Where something is wrong, or needs a restart, that is written to standard error, nothing changes, and the exit status is 1.",
     0, 0, rn_cmd_reload, {{NULL, NULL, NULL}}},
    {"help", "[COMMAND]", "tell about the tool or a command", "Without a command lists them all. With --json writes this table.",
     0, 1, rn_cmd_help, {{NULL, NULL, NULL}}},
    {NULL, NULL, NULL, NULL, 0, 0, NULL, {{NULL, NULL, NULL}}}};
/* clang-format on */
