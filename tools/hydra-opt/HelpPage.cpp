#include "tools/hydra-opt/HelpPage.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"

using namespace llvm;

void HelpPage::print(raw_ostream &stream) const {
  constexpr size_t kColumn = 22;
  stream << "hydra-opt: " << summary << "\n\n  " << left_justify(command, 38) << " " << operands
         << "\n\nExamples:\n";
  for (const std::string &example : examples)
    stream << "  " << example << "\n";
  for (const Section &section : sections) {
    stream << "\n" << section.title;
    if (!section.note.empty())
      stream << " (" << section.note << ")";
    stream << ":\n";
    for (const auto &[flag, meaning] : section.flags)
      stream << "  " << left_justify(flag, kColumn - 1) << " " << meaning << "\n";
  }
  stream << "\n";
  for (const std::string &line : ending)
    stream << line << "\n";
}

// Text as roff prints it.
static std::string roff(StringRef text) {
  std::string result;
  for (char c : text) {
    if (c == '\\')
      result += "\\e";
    else if (c == '-')
      result += "\\-";
    else if (c == '\'')
      result += "\\(aq";
    else
      result += c;
  }
  return StringRef(result).starts_with(".") ? "\\&" + result : result;
}

void HelpPage::printManual(raw_ostream &stream) const {
  stream << ".TH HYDRA\\-OPT 1 \"\" \"\" \"HYDRA\"\n.SH NAME\nhydra\\-opt \\- " << roff(summary)
         << "\n.SH SYNOPSIS\n.B " << roff(command) << "\n.PP\n"
         << roff(operands) << "\n";
  for (const Section &section : sections) {
    stream << ".SH " << StringRef(section.title).upper() << "\n";
    if (!section.note.empty())
      stream << roff(section.note) << "\n";
    for (const auto &[flag, meaning] : section.flags)
      stream << ".TP\n\\fB" << roff(flag) << "\\fR\n" << roff(meaning) << "\n";
  }
  stream << ".SH EXAMPLES\n.nf\n";
  for (const std::string &example : examples)
    stream << roff(example) << "\n";
  stream << ".fi\n.SH NOTES\n";
  for (const std::string &line : ending)
    stream << roff(line) << "\n";
  stream << ".SH SEE ALSO\n.BR hydra\\-run (1)\n";
}
