# Size factors of a small count matrix against frozen geometric means, as printed by DESeq2.
#     Rscript size_factors.R > size_factors.csv
# DESeq2 1.38.3 (Debian bookworm, r-bioc-deseq2), R 4.2.2.
suppressMessages(library(DESeq2))
set.seed(1)
features <- 121
reference <- exp(rnorm(features, 5, 1.5)) + 10          # frozen CPM, all expressed
composition <- c(-1, -0.3, 0, 0.4, 1.2)                 # log2, planted
counts <- sapply(composition, function(s) rpois(features, reference * 2^s * rlnorm(features, 0, 0.5)))
factors <- estimateSizeFactorsForMatrix(counts, geoMeans = reference)
table <- rbind(cbind(signif(reference, 12), counts), c(NA, signif(factors, 12)))
colnames(table) <- c("reference", paste0("s", seq_along(composition)))
write.csv(table, row.names = FALSE)
