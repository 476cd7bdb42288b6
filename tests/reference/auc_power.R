# Cases that pROC asks for to tell an AUC from 0.5, from which the test takes Obuchowski's variance.
# Rscript auc_power.R > auc_power.txt
suppressMessages(library(pROC))
cat("version\tR", as.character(getRversion()), "pROC", as.character(packageVersion("pROC")), "\n")
cat("auc\tkappa\tpower\tcases\n")
for (auc in c(0.6, 0.75, 0.9)) for (kappa in c(1, 3, 9)) {
  found <- power.roc.test(auc = auc, kappa = kappa, power = 0.9, sig.level = 0.05)
  cat(sprintf("%g\t%g\t%g\t%.12g\n", auc, kappa, 0.9, found$ncases))
}
