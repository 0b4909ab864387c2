; rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
define { i64, i64 } @last_two(ptr noundef nonnull readonly align 8 captures(none) %v1, i64 noundef %v2, i64 noundef %v3) unnamed_addr personality ptr @rust_eh_personality {
b0:
  %v4 = getelementptr i8, ptr %v1, i64 300
  %v5 = load i8, ptr %v4, align 4
  %v6 = trunc nuw i8 %v5 to i1
  %v7 = sub i64 %v3, %v2
  %v8 = select i1 %v6, i64 -1, i64 4294967295
  %v9 = and i64 %v8, %v7
  %v10 = getelementptr i8, ptr %v1, i64 288
  %v11 = getelementptr i8, ptr %v1, i64 296
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
  br i1 %v23, label %b1, label %b2
b1:
  %v24 = phi i64 [ %v25, %b1 ], [ %v22, %b0 ]
  %v26 = phi i64 [ %v27, %b1 ], [ %v2, %b0 ]
  %v28 = phi i64 [ %v29, %b1 ], [ %v9, %b0 ]
  %v27 = add i64 %v24, %v26
  %v29 = sub nuw i64 %v28, %v24
  %v30 = load ptr, ptr %v10, align 8
  %v31 = load i32, ptr %v11, align 8
  %v32 = zext i32 %v31 to i64
  %v33 = add nsw i64 %v32, -8
  %v34 = and i64 %v33, %v27
  %v35 = getelementptr inbounds nuw i8, ptr %v30, i64 %v34
  %v36 = load atomic i32, ptr %v35 monotonic, align 4
  fence acquire
  %v37 = and i32 %v36, 1073741823
  %v38 = add nuw nsw i32 %v37, 15
  %v39 = and i32 %v38, 2147483640
  %v25 = zext nneg i32 %v39 to i64
  %v40 = icmp ugt i64 %v29, %v25
  br i1 %v40, label %b1, label %b2
b2:
  %v41 = phi i64 [ %v2, %b0 ], [ %v26, %b1 ]
  %v42 = phi i64 [ %v2, %b0 ], [ %v27, %b1 ]
  %v43 = insertvalue { i64, i64 } poison, i64 %v41, 0
  %v44 = insertvalue { i64, i64 } %v43, i64 %v42, 1
  ret { i64, i64 } %v44
}
