# SPDX-License-Identifier: Apache-2.0
#
# The medians of Tools/bench.sh: lines of model, method and JSON object, separated by tabs, to a table and a JSON file.
# For any awk. Variables: output, seconds, processor.

BEGIN {
    FS = "\t"
    numbers = "samplesPerSecond stepMilliseconds baseMiB planMiB peakMiB physicalBatch parameters batch " \
        "sgemmGigaflops sgemmShare gigaflopPerExample sensitivityInflation"
    phases = "forward backward perExampleNorm clipAndSum noise step"
    split(numbers " " phases, fields, " ")
    methodCount = split("none auto plain opacus opacus-ghost", methods, " ")
    numberCount = split(numbers, numberNames, " ")
    phaseCount = split(phases, phaseNames, " ")
}

{
    if (!(($1, "none") in runs)) order[++models] = $1
    run = ++runs[$1, $2]
    if (!(($1, "none") in runs)) runs[$1, "none"] = 0
    for (i in fields) {
        value = number($3, fields[i])
        if (value != "") values[$1, $2, fields[i], run] = value
    }
    if (number($3, "samplesPerSecond") == "") {
        printf "bench: %s %s printed no samplesPerSecond: %s\n", $1, $2, $3 > "/dev/stderr"
        exit failed = 1
    }
}

END {
    if (failed) exit 1
    table()
    json()
}

# The number of a key of a JSON object without spaces around its colons, or "".
function number(text, key) {
    if (!match(text, "\"" key "\":-?[0-9][0-9.eE+-]*")) return ""
    return substr(text, RSTART + length(key) + 3, RLENGTH - length(key) - 3) + 0
}

# The median over the runs that have the field, or "".
function median(model, method, field,    run, count, list, i, value) {
    count = 0
    for (run = 1; run <= runs[model, method]; run++) {
        if (!((model, method, field, run) in values)) continue
        value = values[model, method, field, run]
        for (i = ++count; i > 1 && list[i - 1] > value; i--) list[i] = list[i - 1]
        list[i] = value
    }
    if (count == 0) return ""
    return count % 2 ? list[(count + 1) / 2] : (list[count / 2] + list[count / 2 + 1]) / 2
}

function rate(model, method) {
    return median(model, method, "samplesPerSecond")
}

function opacus(model,    hooks, ghost) {
    hooks = rate(model, "opacus")
    ghost = rate(model, "opacus-ghost")
    return hooks == "" || (ghost != "" && ghost > hooks) ? ghost : hooks
}

function aboveStart(model, method) {
    return difference(median(model, method, "peakMiB"), median(model, method, "baseMiB"))
}

function difference(a, b) {
    return a == "" || b == "" ? "" : a - b
}

function ratio(a, b) {
    return a == "" || b == "" || b == 0 ? "" : a / b
}

function cell(format, value) {
    return value == "" ? "-" : sprintf(format, value)
}

function percent(share) {
    return share == "" ? "-" : sprintf("%.0f%%", 100 * share)
}

# Samples a second, to three digits.
function samples(value) {
    return cell(value >= 99.95 ? "%.0f" : "%.3g", value)
}

function table(    m, model, none, auto) {
    printf "%-16s%9s%9s%7s%9s%9s%7s%7s%9s%9s%8s%7s%7s\n", "", "none", "auto", "auto/", "PyTorch", "Opacus", "auto/", \
        "auto/", "none", "auto", "sgemm", "share", "infla-"
    printf "%-16s%9s%9s%7s%9s%9s%7s%7s%9s%9s%8s%7s%7s\n", "samples/s", "", "", "none", "plain", "better", "plain", \
        "Opacus", "peak MiB", "peak MiB", "GFLOP/s", "none", "tion"
    for (m = 1; m <= models; m++) {
        model = order[m]
        none = rate(model, "none")
        auto = rate(model, "auto")
        printf "%-16s%9s%9s%7s%9s%9s%7s%7s%9s%9s%8s%7s%7s\n", model, samples(none), samples(auto), \
            cell("%.2f", ratio(auto, none)), samples(rate(model, "plain")), samples(opacus(model)), \
            cell("%.2f", ratio(auto, rate(model, "plain"))), cell("%.2f", ratio(auto, opacus(model))), \
            cell("%.1f", aboveStart(model, "none")), cell("%.1f", aboveStart(model, "auto")), \
            cell("%.0f", median(model, "none", "sgemmGigaflops")), \
            percent(median(model, "none", "sgemmShare")), \
            cell("%.3f", median(model, "auto", "sensitivityInflation"))
    }
    printf "\n%-16s", "auto, ms a step"
    for (i = 1; i <= phaseCount; i++) printf "%16s", phaseNames[i]
    printf "\n"
    for (m = 1; m <= models; m++) {
        printf "%-16s", order[m]
        for (i = 1; i <= phaseCount; i++) printf "%16s", cell("%.2f", median(order[m], "auto", phaseNames[i]))
        printf "\n"
    }
}

function member(key, value) {
    return "\"" key "\":" (value == "" ? "null" : value)
}

function object(model, method,    text, i, inner) {
    text = "{" member("runs", runs[model, method])
    for (i = 1; i <= numberCount; i++) text = text "," member(numberNames[i], median(model, method, numberNames[i]))
    if (median(model, method, phaseNames[1]) == "") return text "}"
    for (i = 1; i <= phaseCount; i++)
        inner = inner (i > 1 ? "," : "") member(phaseNames[i], median(model, method, phaseNames[i]))
    return text ",\"phases\":{" inner "}}"
}

function json(    m, model, auto, j) {
    CONVFMT = "%.6g"
    gsub(/[\\"]/, "", processor)
    printf "{\"processor\":\"%s\",\"seconds\":%s,\"models\":[", processor, seconds > output
    for (m = 1; m <= models; m++) {
        model = order[m]
        auto = rate(model, "auto")
        printf "%s\n{\"model\":\"%s\",%s,%s,%s,%s,%s", (m > 1 ? "," : ""), model, \
            member("autoToNone", ratio(auto, rate(model, "none"))), \
            member("autoToPlain", ratio(auto, rate(model, "plain"))), \
            member("autoToOpacus", ratio(auto, opacus(model))), \
            member("noneAboveStartMiB", aboveStart(model, "none")), \
            member("autoAboveStartMiB", aboveStart(model, "auto")) > output
        for (j = 1; j <= methodCount; j++)
            if (runs[model, methods[j]] > 0) printf ",\"%s\":%s", methods[j], object(model, methods[j]) > output
        printf "}" > output
    }
    printf "\n]}\n" > output
}
