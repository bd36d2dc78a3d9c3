// What hydra-opt says of itself: one text, as the screen of --help and as the page for man(1).
#ifndef HYDRA_TOOLS_HYDRA_OPT_HELPPAGE_H
#define HYDRA_TOOLS_HYDRA_OPT_HELPPAGE_H

#include "llvm/Support/raw_ostream.h"

#include <string>
#include <utility>
#include <vector>

struct HelpPage {
  struct Section {
    std::string title, note; // the note stands behind the title, in brackets; "" for none
    // A flag, as it is written, and what it does.
    std::vector<std::pair<std::string, std::string>> flags;
  };

  std::string summary, command;      // "compiles a model spec", "hydra-opt MODEL [-o FILE] [flags]"
  std::string operands;              // what the words of the command may be
  std::vector<std::string> examples; // command lines
  std::vector<Section> sections;
  std::vector<std::string> ending; // lines

  void print(llvm::raw_ostream &stream) const;
  // As roff, with the macros of man(7).
  void printManual(llvm::raw_ostream &stream) const;
};

#endif // HYDRA_TOOLS_HYDRA_OPT_HELPPAGE_H
