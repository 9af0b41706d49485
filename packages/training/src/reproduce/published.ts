/**
 * The published results (Gao et al., MICCAI 2021, Tables 1 and 2; spec/baselines.md §1): RCCNucSeg's test set, 200
 * patches.
 *
 * @module
 */

/** Scores of one published row. */
export interface PublishedScores {
  readonly dice: number;
  readonly aji: number;
  readonly pq: number;
  readonly apq: number;
  /** PQ of grades 1, 2, 3 and of endothelial nuclei. */
  readonly classPq: readonly [number, number, number, number];
  /** PQ of grade 2 in the notebook stored with the authors' code, where it differs from the table. */
  readonly notebookPq2?: number;
}

/** One row of a table. */
export interface TableRow {
  /** Name in the paper. */
  readonly title: string;
  /** Name of the network here. */
  readonly network: string;
  readonly published: PublishedScores;
}

/** The two tables. */
export type TableName = "table1" | "table2";

/** Title and rows of a table. */
export interface Table {
  readonly title: string;
  readonly rows: readonly TableRow[];
}

function row(
  title: string,
  network: string,
  [dice, aji, pq, apq, ...classPq]: readonly [number, number, number, number, number, number, number, number],
  notebookPq2?: number,
): TableRow {
  const scores = { dice, aji, pq, apq, classPq };
  return { title, network, published: notebookPq2 === undefined ? scores : { ...scores, notebookPq2 } };
}

const CHR_NET = [0.879, 0.7519, 0.7497, 0.5458, 0.6819, 0.4027, 0.6271, 0.4713] as const;

/** Tables 1 and 2 of the paper. */
export const TABLES: Readonly<Record<TableName, Table>> = {
  table1: {
    title: "Table 1: comparison with other methods",
    rows: [
      row("U-Net", "u-net", [0.8615, 0.7344, 0.6827, 0.4776, 0.6001, 0.3659, 0.5588, 0.3857]),
      row("Mask-RCNN", "mask-rcnn", [0.8657, 0.7394, 0.7126, 0.4749, 0.6297, 0.3338, 0.5423, 0.3939]),
      row("Micro-Net", "micro-net", [0.8712, 0.7375, 0.7029, 0.5107, 0.6432, 0.378, 0.6052, 0.4163]),
      row("HoVer-Net", "hover-net", [0.876, 0.744, 0.7359, 0.5068, 0.6319, 0.3761, 0.5821, 0.437]),
      row("CHR-Net", "chr-net", CHR_NET, 0.3927),
    ],
  },
  table2: {
    title: "Table 2: ablation",
    rows: [
      // biome-ignore lint/suspicious/noApproximativeNumericConstant: a published PQ, not a logarithm
      row("SHR", "shr", [0.8692, 0.7233, 0.698, 0.5064, 0.6376, 0.3827, 0.5711, 0.4342]),
      row("MHR", "mhr", [0.8694, 0.7244, 0.701, 0.5156, 0.6324, 0.4029, 0.598, 0.4291]),
      row("MHR+UDist", "mhr-udist", [0.8758, 0.728, 0.7227, 0.5235, 0.6601, 0.395, 0.593, 0.446]),
      row("MHR+WDist", "chr-net", CHR_NET, 0.3927),
    ],
  },
};
