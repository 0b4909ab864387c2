; rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
define { i64, i64 } @last_two(ptr noundef nonnull readonly align 8 captures(none) %v1, i64 noundef %v2, i64 noundef %v3) unnamed_addr personality ptr @rust_eh_personality {
b0:
  %v4 = getelementptr i8, ptr %v1, i64 356
  %v5 = load i8, ptr %v4, align 4
  %v6 = trunc nuw i8 %v5 to i1
  %v7 = sub i64 %v3, %v2
  %v8 = select i1 %v6, i64 -1, i64 4294967295
  %v9 = and i64 %v8, %v7
  %v10 = getelementptr i8, ptr %v1, i64 344
  %v11 = getelementptr i8, ptr %v1, i64 352
  %v12 = load ptr, ptr %v10, align 8
  %v13 = load i32, ptr %v11, align 8
  %v14 = zext i32 %v13 to i64
  %v15 = add nsw i64 %v14, -8
  %v16 = and i64 %v15, %v2
  %v17 = getelementptr inbounds nuw i8, ptr %v12, i64 %v16
  %v18 = load atomic i32, ptr %v17 monotonic, align 4
  fence acquire
  %v19 = and i32 %v18, 1073741823
  %v20 = add nuw nsw i32 %v19, 15
  %v21 = and i32 %v20, 2147483640
  %v22 = zext nneg i32 %v21 to i64
  %v23 = icmp ugt i64 %v9, %v22
  br i1 %v23, label %b3, label %b2
b1:
  %v24 = sub nuw i64 %v25, %v26
  %v27 = load ptr, ptr %v10, align 8
  %v28 = load i32, ptr %v11, align 8
  %v29 = zext i32 %v28 to i64
  %v30 = add nsw i64 %v29, -8
  %v31 = and i64 %v30, %v32
  %v33 = getelementptr inbounds nuw i8, ptr %v27, i64 %v31
  %v34 = load atomic i32, ptr %v33 monotonic, align 4
  fence acquire
  %v35 = and i32 %v34, 1073741823
  %v36 = add nuw nsw i32 %v35, 15
  %v37 = and i32 %v36, 2147483640
  %v38 = zext nneg i32 %v37 to i64
  %v39 = icmp ugt i64 %v24, %v38
  br i1 %v39, label %b3, label %b2
b2:
  %v40 = phi i64 [ %v2, %b0 ], [ %v41, %b1 ], [ %v41, %b3 ]
  %v42 = phi i64 [ %v2, %b0 ], [ %v32, %b1 ], [ %v32, %b3 ]
  %v43 = insertvalue { i64, i64 } poison, i64 %v40, 0
  %v44 = insertvalue { i64, i64 } %v43, i64 %v42, 1
  ret { i64, i64 } %v44
b3:
  %v26 = phi i64 [ %v38, %b1 ], [ %v22, %b0 ]
  %v45 = phi i64 [ %v46, %b1 ], [ 0, %b0 ]
  %v25 = phi i64 [ %v24, %b1 ], [ %v9, %b0 ]
  %v41 = phi i64 [ %v32, %b1 ], [ %v2, %b0 ]
  %v46 = add nuw nsw i64 %v45, 1
  %v32 = add i64 %v41, %v26
  %v47 = icmp eq i64 %v46, 16386
  br i1 %v47, label %b2, label %b1
}
